/** Tokens change, the API server goes and comes back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as seed from '../../sandbox/control-plane/seed.ts';
import { type Fixture, identity, report, versions } from '../fixture.ts';
import { makeMesh } from './mesh.ts';

export function resilienceCases(opened: () => Fixture): void {
  describe('an agent that lives on', () => {
    it('uses a new token for the very next request', async () => {
      const mesh = await makeMesh(opened(), 'r1', { 'istio-injection': 'enabled' });
      await opened().admin.applyAll(seed.controlPlane({ name: 'default', version: '1.31.0', namespace: mesh.istio }));
      await using agent = await mesh.agent();
      assert.equal((await agent.target.target()).answer, 'wanted');
      await agent.setToken('expired');
      const refused = await agent.target.target();
      assert.equal(refused.answer, 'forbidden');
      assert.match('reason' in refused ? refused.reason : '', /the API server refused the token/);
      await agent.setToken(opened().admin.ownToken);
      assert.equal((await agent.target.target()).answer, 'wanted');
    });

    it('says that the API server is gone, and goes on when it is back', { timeout: 120_000 }, async () => {
      const fixture = opened();
      const mesh = await makeMesh(fixture, 'r2', { 'istio-injection': 'enabled' });
      const entry = seed.autoRegisteredEntry(mesh.apps, 'reviews', '10.0.0.5');
      await fixture.admin.applyAll([
        ...seed.controlPlane({ name: 'default', version: '1.31.0', namespace: mesh.istio }),
        entry,
      ]);
      await using agent = await mesh.agent();
      const first = await agent.target.target();
      assert.equal(first.answer, 'wanted');
      const changed = { ...versions, istioRunning: '' };
      assert.equal((await agent.lease.heartbeat(versions, ['10.0.0.5'])).outcome, 'created');
      await fixture.kill();
      const gone = await agent.target.target();
      assert.equal(gone.answer, 'unreachable');
      assert.match('reason' in gone ? gone.reason : '', /no connection to https:.*ECONNREFUSED/);
      const failed = await agent.reporter.publish(report('words'), identity());
      assert.equal(failed.outcome === 'failed' && failed.error.kind, 'unreachable');
      const beat = await agent.lease.heartbeat(changed, ['10.0.0.5']);
      assert.equal(beat.outcome === 'failed' && beat.error.kind, 'unreachable');
      await fixture.start();
      assert.deepEqual(await agent.target.target(), first);
      assert.equal((await agent.reporter.publish(report('words'), identity())).outcome, 'written');
      // What could not be said is said now, and not at the next heartbeat in a minute.
      assert.equal((await agent.lease.heartbeat(changed, ['10.0.0.5'])).outcome, 'renewed');
      assert.equal((await agent.lease.heartbeat(changed, ['10.0.0.5'])).outcome, 'not-due');
    });
  });
}
