/** RBAC as shipped: it is enough for everything that the agent does, and nothing of it can be left out. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { KubeObject } from '../../sandbox/control-plane/object.ts';
import * as seed from '../../sandbox/control-plane/seed.ts';
import { agentOn, eventually, type Fixture, identity, report, versions } from '../fixture.ts';
import { shipped, withoutEachRight } from '../shipped.ts';

const GROUP = { namespace: 'vm-apps', name: 'reviews' };
const SAIL = 'sail-v1-31-0';

/** What an agent does in each kind of mesh, and what must come of it. */
const TARGETS: [labels: Record<string, string | null>, wanted: string][] = [
  [{ 'istio.io/rev': 'prod', 'istio-injection': null }, '1-31-1'],
  [{ 'istio.io/rev': 'blue', 'istio-injection': null }, '1-31-1'],
  [{ 'istio.io/rev': null, 'istio-injection': 'enabled' }, '1-31-1'],
  [{ 'istio.io/rev': 'cp-v131x.istio-system', 'istio-injection': null }, 'cp-v131x.istio-system'],
  [{ 'istio.io/rev': SAIL, 'istio-injection': null }, SAIL],
];
const EVERYTHING = [...TARGETS.map(([, wanted]) => wanted), 'written', 'written', 'created'];

function meshes(): KubeObject[] {
  return [
    ...seed.namespace('istio-system'),
    ...seed.namespace(GROUP.namespace),
    seed.serviceMeshManagerDefinition(),
    seed.sailDefinition(),
    seed.gateway('10.0.0.1'),
    seed.workloadGroup(GROUP.namespace, GROUP.name),
    ...seed.controlPlane({ name: '1-31-1', version: '1.31.1' }),
    seed.tagWebhook('prod', '1-31-1'),
    seed.tagService('blue', '1-31-1'),
    seed.defaultValidator('1-31-1'),
    ...seed.controlPlane({ name: 'cp-v131x.istio-system', suffix: 'cp-v131x', version: '1.31.1' }),
    seed.istioControlPlane('cp-v131x', 'istio-system', '1.31.1'),
    ...seed.controlPlane({ name: SAIL, version: '1.31.0', image: 'pilot', versionLabel: null, injectorTag: null }),
    seed.istioRevision(SAIL, 'v1.31.0'),
    seed.autoRegisteredEntry(GROUP.namespace, GROUP.name, '10.0.0.5'),
    seed.handMadeEntry(GROUP.namespace, 'by-hand', '10.0.0.6', {}, { 'smm-agent.io/workload-group': GROUP.name }),
  ];
}

export function rightsCases(opened: () => Fixture): void {
  describe('the rights as shipped', () => {
    let turn = 0;
    /** Everything that an agent ever does, once; each answer in a word or, where it went wrong, in a sentence. */
    const everything = async (): Promise<string[]> => {
      const { admin } = opened();
      turn += 1;
      const token = await admin.token(GROUP.namespace, 'smm-agent-reviews');
      const answers: string[] = [];
      for (const [labels, _] of TARGETS) {
        await admin.change(seed.namespace(GROUP.namespace)[0] as KubeObject, { metadata: { labels } });
        await using agent = await agentOn(opened(), { token, group: GROUP });
        const target = await agent.target.target();
        answers.push(target.answer === 'wanted' ? target.revision.name : target.reason);
      }
      await using agent = await agentOn(opened(), { token, group: GROUP });
      for (const address of ['10.0.0.5', '10.0.0.6']) {
        const result = await agent.reporter.publish(report(`turn ${turn}`), identity(address));
        answers.push(result.outcome === 'failed' ? result.error.message : result.outcome);
        agent.reporter.refresh();
      }
      await admin.remove({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: agent.lease.name, namespace: GROUP.namespace },
      });
      const beat = await agent.lease.heartbeat(versions, ['10.0.0.5']);
      answers.push(beat.outcome === 'failed' ? beat.error.message : beat.outcome);
      return answers;
    };
    const complete = (answers: string[]) => answers.every((answer, index) => answer === EVERYTHING[index]);

    before(async () => {
      const { admin } = opened();
      await admin.applyAll(meshes());
      for (const file of ['cluster.yaml', 'istio-namespace.yaml', 'group.yaml'])
        await admin.applyAll(await shipped(file));
    });

    it('are enough', async () => {
      assert.deepEqual(await eventually(everything, complete), EVERYTHING);
    });

    for (const file of ['cluster.yaml', 'istio-namespace.yaml', 'group.yaml']) {
      it(`are all needed: ${file}`, async () => {
        const { admin } = opened();
        for (const role of (await shipped(file)).filter(({ rules }) => rules !== undefined)) {
          for (const { right, role: less } of withoutEachRight(role)) {
            await admin.apply(less);
            const answers = await eventually(everything, (seen) => !complete(seen));
            const sentences = answers.filter((answer, index) => answer !== EVERYTHING[index]);
            const [verb = '', what = ''] = right.split(' ');
            const plural = what.split('/')[0] ?? '';
            assert.ok(
              sentences.some((sentence) => sentence.includes(`${verb} ${plural}`)),
              `without "${right}" the agent says: ${sentences.join('; ')}`,
            );
          }
          await admin.apply(role);
          await eventually(everything, complete);
        }
      });
    }

    it('open nothing else', async () => {
      const { admin } = opened();
      const token = await admin.token(GROUP.namespace, 'smm-agent-reviews');
      const attempts: [method: string, path: string][] = [
        ['GET', '/api/v1/namespaces/istio-system/secrets'],
        ['GET', '/api/v1/namespaces/vm-apps/secrets'],
        ['GET', '/api/v1/namespaces'],
        ['GET', '/api/v1/namespaces/istio-system'],
        ['GET', '/api/v1/namespaces/vm-apps/configmaps/other'],
        ['GET', '/apis/networking.istio.io/v1/namespaces/vm-apps/workloadgroups/ratings'],
        ['PATCH', '/apis/networking.istio.io/v1/namespaces/vm-apps/workloadentries/reviews-10.0.0.5'],
        ['DELETE', '/apis/networking.istio.io/v1/namespaces/vm-apps/workloadentries/reviews-10.0.0.5'],
        ['POST', '/apis/networking.istio.io/v1/namespaces/vm-apps/workloadentries'],
        ['DELETE', '/apis/coordination.k8s.io/v1/namespaces/vm-apps/leases/smm-agent-vm1'],
        ['POST', '/api/v1/namespaces/vm-apps/serviceaccounts/smm-agent-reviews/token'],
        ['PATCH', '/apis/apps/v1/namespaces/istio-system/deployments/istiod-1-31-1'],
        ['PATCH', '/api/v1/namespaces/vm-apps'],
      ];
      for (const [method, path] of attempts) {
        const body = method === 'GET' || method === 'DELETE' ? undefined : {};
        const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
        const { status } = await admin.send(method, path, body, type, token);
        assert.equal(status, 403, `${method} ${path}`);
      }
    });
  });
}
