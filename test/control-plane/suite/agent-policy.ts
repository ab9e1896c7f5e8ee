/** What the control plane wants of the agents themselves, and when a change of that is noticed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AgentPolicy } from '../../../src/control-plane/target/agent-policy.ts';
import { POLLS_PER_FULL_LOOK } from '../../../src/control-plane/target/target-reader.ts';
import * as seed from '../../sandbox/control-plane/seed.ts';
import { type Agent, agentOn, eventually, type Fixture } from '../fixture.ts';
import { type Rule, shipped } from '../shipped.ts';
import { makeMesh } from './mesh.ts';

const REPOSITORY = 'https://mirror.example.com/smm-agent';

/** One poll, as the agent has it. */
async function poll(agent: Agent): Promise<AgentPolicy> {
  assert.equal((await agent.target.target()).answer, 'wanted');
  return agent.target.agentPolicy();
}

export function agentPolicyCases(opened: () => Fixture): void {
  describe('the wanted version of the agent', () => {
    it('is not known before a revision is', async () => {
      const mesh = await makeMesh(opened(), 'a1', {});
      await using agent = await mesh.agent();
      await agent.target.target();
      assert.equal((await agent.target.agentPolicy()).answer, 'unknown');
    });

    it('comes from the ConfigMap of the revision, then from the general one, each key for itself', async () => {
      const { admin } = opened();
      const mesh = await makeMesh(opened(), 'a2', { 'istio.io/rev': 'canary' });
      await admin.applyAll(seed.controlPlane({ name: 'canary', version: '1.31.0', namespace: mesh.istio }));
      await using agent = await mesh.agent();
      const policy = () => {
        agent.target.refresh();
        return poll(agent);
      };
      assert.deepEqual(await policy(), {
        answer: 'absent',
        reason: 'ConfigMap smm-agent-canary or smm-agent not found',
      });
      const general = seed.agentPolicy({ agentVersion: '1.2.0', repository: REPOSITORY }, mesh.istio);
      await admin.apply(general);
      const nothingElse = { minAgentVersion: null, hold: false, doubts: [] };
      assert.deepEqual(await policy(), {
        answer: 'wishes',
        agentVersion: '1.2.0',
        repository: REPOSITORY,
        source: 'ConfigMap smm-agent',
        ...nothingElse,
      });
      await admin.apply(seed.agentPolicy({ agentVersion: '1.3.0' }, mesh.istio, 'canary'));
      const both = await policy();
      assert.deepEqual(both, {
        answer: 'wishes',
        agentVersion: '1.3.0',
        repository: REPOSITORY,
        source: 'ConfigMap smm-agent-canary, ConfigMap smm-agent',
        ...nothingElse,
      });
      await admin.remove(general);
      const specific = await policy();
      assert.ok(specific.answer === 'wishes');
      assert.deepEqual([specific.agentVersion, specific.repository], ['1.3.0', null]);
    });

    it('is noticed within ten polls, and at once after a refresh', async () => {
      const { admin } = opened();
      const mesh = await makeMesh(opened(), 'a3', { 'istio-injection': 'enabled' });
      await admin.applyAll(seed.controlPlane({ name: 'default', version: '1.31.0', namespace: mesh.istio }));
      await using agent = await mesh.agent();
      assert.equal((await poll(agent)).answer, 'absent');
      await admin.apply(seed.agentPolicy({ agentVersion: '1.2.0' }, mesh.istio));
      const seen: string[] = [];
      for (let count = 0; count < POLLS_PER_FULL_LOOK; count += 1) seen.push((await poll(agent)).answer);
      assert.deepEqual([seen[0], seen.at(-1)], ['absent', 'wishes']);
      await admin.apply(seed.agentPolicy({ agentVersion: '1.2.1' }, mesh.istio));
      agent.target.refresh();
      const after = await poll(agent);
      assert.equal(after.answer === 'wishes' && after.agentVersion, '1.2.1');
    });

    it('is not known without the right to read it, and the reason names that right', async () => {
      const { admin } = opened();
      const mesh = await makeMesh(opened(), 'a4', { 'istio-injection': 'enabled' });
      await admin.applyAll(seed.controlPlane({ name: 'default', version: '1.31.0', namespace: mesh.istio }));
      await grantAllButAgentPolicy(opened(), mesh.istio, mesh.apps);
      const token = await admin.token(mesh.apps, 'smm-agent-reviews');
      await using agent = await agentOn(opened(), { token, group: mesh.group, istioNamespace: mesh.istio });
      const policy = await eventually(
        async () => {
          agent.target.refresh();
          return (await agent.target.target()).answer === 'wanted' ? agent.target.agentPolicy() : null;
        },
        (answer) => answer !== null,
      );
      assert.equal(policy?.answer, 'unknown');
      assert.ok(policy.answer === 'unknown');
      assert.match(policy.reason, /cannot get configmaps "smm-agent"/);
    });
  });
}

/** The rights as shipped, but for one: only the ConfigMaps of Istio itself can be read. */
async function grantAllButAgentPolicy({ admin }: Fixture, istio: string, apps: string): Promise<void> {
  for (const file of ['cluster.yaml', 'istio-namespace.yaml', 'group.yaml']) {
    for (const object of await shipped(file, { 'istio-system': istio, 'vm-apps': apps })) {
      const rules = object.metadata.name === 'smm-agent-istio' ? (object.rules as Rule[] | undefined) : undefined;
      const configMaps = rules?.find(({ resources }) => resources.includes('configmaps'));
      if (configMaps) configMaps.resourceNames = ['istio', 'istio-sidecar-injector'];
      await admin.apply(object);
    }
  }
}
