/** The control plane changes under the agent's eyes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { POLLS_PER_FULL_LOOK, type TargetReader } from '../../../src/control-plane/target/target-reader.ts';
import * as seed from '../../sandbox/control-plane/seed.ts';
import type { Fixture } from '../fixture.ts';
import { makeMesh } from './mesh.ts';

/** The target in one line: `canary 1.31.0`, or the answer and its reason. */
async function line(reader: TargetReader): Promise<string> {
  const target = await reader.target();
  if (target.answer !== 'wanted') return `${target.answer}: ${target.reason}`;
  return `${target.revision.name} ${target.istioVersion}`;
}

export function upgradeCases(opened: () => Fixture): void {
  describe('a control plane that is upgraded', () => {
    it('is unsettled until its Deployment is rolled out and the injector agrees', async () => {
      const { admin } = opened();
      const mesh = await makeMesh(opened(), 'u1', { 'istio.io/rev': 'canary' });
      const revision = (version: string) => ({ name: 'canary', version, namespace: mesh.istio });
      await admin.applyAll(seed.controlPlane(revision('1.31.0')));
      await using agent = await mesh.agent();
      assert.equal(await line(agent.target), 'canary 1.31.0');
      const { status: _, ...next } = seed.istiod(revision('1.31.1'));
      await admin.apply(next as ReturnType<typeof seed.istiod>);
      assert.match(await line(agent.target), /^unsettled: an upgrade of istiod-canary has just begun/);
      const { metadata } = await admin.get(seed.istiod(revision('1.31.1')));
      const generation = metadata.generation ?? 0;
      await admin.setStatus(seed.istiod(revision('1.31.1')), {
        observedGeneration: generation,
        replicas: 2,
        updatedReplicas: 1,
        availableReplicas: 1,
      });
      assert.match(await line(agent.target), /^unsettled: istiod-canary is not rolled out/);
      await admin.setStatus(seed.istiod(revision('1.31.1')), seed.rolledOut(generation));
      assert.match(await line(agent.target), /^unsettled: .* runs 1\.31\.1, and the injector's values say 1\.31\.0/);
      const injector = seed.controlPlane(revision('1.31.1'))[2];
      assert.ok(injector);
      await admin.apply(injector);
      assert.equal(await line(agent.target), 'canary 1.31.1');
    });

    it('is noticed at the next poll when the namespace is moved', async () => {
      const { admin } = opened();
      const mesh = await makeMesh(opened(), 'u2', { 'istio.io/rev': 'canary' });
      for (const [name, version] of [
        ['canary', '1.31.0'],
        ['next', '1.31.1'],
      ] as const) {
        await admin.applyAll(seed.controlPlane({ name, version, namespace: mesh.istio }));
      }
      await using agent = await mesh.agent();
      assert.equal(await line(agent.target), 'canary 1.31.0');
      const [namespace] = seed.namespace(mesh.apps);
      assert.ok(namespace);
      await admin.change(namespace, { metadata: { labels: { 'istio.io/rev': 'next' } } });
      assert.equal(await line(agent.target), 'next 1.31.1');
    });

    it('is noticed within ten polls when only a tag or an input changed, and at once after a refresh', async () => {
      const { admin } = opened();
      const mesh = await makeMesh(opened(), 'u3', { 'istio.io/rev': 'prod' });
      for (const [name, version] of [
        ['canary', '1.31.0'],
        ['next', '1.31.1'],
      ] as const) {
        await admin.applyAll(seed.controlPlane({ name, version, namespace: mesh.istio }));
      }
      await admin.apply(seed.tagWebhook('prod', 'canary', mesh.istio));
      await using agent = await mesh.agent();
      assert.equal(await line(agent.target), 'canary 1.31.0');
      await admin.apply(seed.tagWebhook('prod', 'next', mesh.istio));
      const seen: string[] = [];
      for (let poll = 0; poll < POLLS_PER_FULL_LOOK; poll += 1) seen.push(await line(agent.target));
      assert.deepEqual([seen[0], seen.at(-1)], ['canary 1.31.0', 'next 1.31.1']);
      const group = seed.workloadGroup(mesh.apps, 'reviews');
      await admin.change(group, { spec: { template: { ports: { http: 9090 } } } });
      agent.target.refresh();
      const target = await agent.target.target();
      assert.ok(target.answer === 'wanted');
      assert.match(JSON.stringify(target.inputs.workloadGroup), /9090/);
    });

    it('gives the same object again while nothing changes', async () => {
      const mesh = await makeMesh(opened(), 'u4', { 'istio-injection': 'enabled' });
      await opened().admin.applyAll(seed.controlPlane({ name: 'default', version: '1.31.0', namespace: mesh.istio }));
      await using agent = await mesh.agent();
      const first = await agent.target.target();
      for (let poll = 0; poll < 2 * POLLS_PER_FULL_LOOK; poll += 1) assert.equal(await agent.target.target(), first);
    });
  });
}
