/** What a poll costs in which nothing has changed: a fleet of thousands asks the same API server every minute. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeartbeatLease } from '../../../src/control-plane/report/lease.ts';
import { POLLS_PER_FULL_LOOK } from '../../../src/control-plane/target/target-reader.ts';
import * as seed from '../../sandbox/control-plane/seed.ts';
import { SkippingClock } from '../../support/skipping-clock.ts';
import { type Fixture, identity, report, versions } from '../fixture.ts';
import { makeMesh } from './mesh.ts';

const MAX_REQUESTS = 4;
const MAX_BYTES = 8 * 1024;

export function idleCases(opened: () => Fixture): void {
  describe('an idle poll', () => {
    it('takes at most 4 requests and 8 KB, heartbeat included; a full look stays below 16 and 24 KB', async (test) => {
      const { admin } = opened();
      const mesh = await makeMesh(opened(), 'i1', { 'istio.io/rev': 'prod' });
      const entry = seed.autoRegisteredEntry(mesh.apps, 'reviews', '10.0.0.5');
      await admin.applyAll([
        ...seed.controlPlane({ name: 'canary', version: '1.31.0', namespace: mesh.istio }),
        seed.tagWebhook('prod', 'canary', mesh.istio),
        seed.tagService('prod', 'canary', mesh.istio),
        entry,
      ]);
      await using agent = await mesh.agent();
      const clock = new SkippingClock();
      const machine = { group: mesh.group, host: 'vm1', machineId: 'abc', clock };
      const lease = new HeartbeatLease(agent.client, machine);
      const poll = async () => {
        const before = agent.client.usage();
        assert.equal((await agent.target.target()).answer, 'wanted');
        assert.equal((await agent.target.agentPolicy()).answer, 'absent');
        const { outcome } = await agent.reporter.publish(report('words'), identity());
        assert.match(outcome, /written|unchanged/);
        assert.match((await lease.heartbeat(versions, ['10.0.0.5'])).outcome, /created|renewed/);
        clock.pass(60_000);
        const { requests, bytes } = agent.client.usage();
        return { requests: requests - before.requests, bytes: bytes - before.bytes };
      };
      // The first reads everything, the second what its own report has changed.
      await poll();
      await poll();
      const costs: Awaited<ReturnType<typeof poll>>[] = [];
      for (let count = 0; count < POLLS_PER_FULL_LOOK; count += 1) costs.push(await poll());
      costs.sort((a, b) => a.requests - b.requests);
      const full = costs.pop();
      test.diagnostic(`idle: ${JSON.stringify(costs.at(-1))}; full look: ${JSON.stringify(full)}`);
      for (const { requests, bytes } of costs) {
        assert.ok(requests <= MAX_REQUESTS && bytes <= MAX_BYTES, `${requests} requests, ${bytes} bytes`);
      }
      assert.ok(
        full && full.requests > MAX_REQUESTS && full.requests <= 16 && full.bytes <= 24 * 1024,
        JSON.stringify(full),
      );
    });
  });
}
