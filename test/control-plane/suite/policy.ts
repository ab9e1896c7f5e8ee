/** The admission policy as shipped: what an agent's account cannot do though RBAC would let it. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import * as seed from '../../sandbox/control-plane/seed.ts';
import type { KubeObject } from '../../sandbox/control-plane/store.ts';
import { agentOn, eventually, type Fixture, identity, report, versions } from '../fixture.ts';
import { shipped } from '../shipped.ts';

const APPS = 'vm-policy';
const HEALTHY = { type: 'Healthy', status: 'True', lastTransitionTime: '2026-11-23T10:00:00Z' };
const OWN = { type: 'SmmAgent', status: 'True', reason: 'Working', message: 'words' };
const FOREIGN = { type: { name: 'Other', code: 'IST0101' }, level: 'WARNING', documentationUrl: 'https://example.com' };
const STATUS = { conditions: [HEALTHY], validationMessages: [FOREIGN], observedGeneration: '3' };
const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${APPS}/leases`;

const entry = seed.autoRegisteredEntry(APPS, 'reviews', '10.0.0.5');
const foreignEntry = seed.autoRegisteredEntry(APPS, 'reviews-v2', '10.0.0.5');
const unmarked = seed.handMadeEntry(APPS, 'by-hand', '10.0.0.5', { app: 'reviews' });
const lease = (name: string, group: string): KubeObject => {
  const metadata = { name, namespace: APPS, labels: { 'smm-agent.io/workload-group': group } };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: { holderIdentity: 'x' } };
};

/** Statuses that an account must not be able to write on its own entry, as merge patches. */
const REFUSED: [what: string, status: object, why: RegExp][] = [
  ['set Healthy to False', { conditions: [{ ...HEALTHY, status: 'False' }, OWN] }, /only the conditions/],
  ['take Healthy away', { conditions: [OWN] }, /only the conditions/],
  ['take all conditions away', { conditions: null }, /only the conditions/],
  ['add a second Healthy', { conditions: [HEALTHY, { ...HEALTHY, status: 'False' }] }, /only the conditions/],
  ['write its condition twice', { conditions: [HEALTHY, OWN, OWN] }, /only once/],
  ['add a condition of another type', { conditions: [HEALTHY, { ...OWN, type: 'Ready' }] }, /only the conditions/],
  ["take another's message away", { validationMessages: [] }, /code that begins with SMM/],
  [
    "write a message with another's code",
    { validationMessages: [FOREIGN, { ...FOREIGN, type: { name: 'a', code: 'IST1' } }] },
    /SMM/,
  ],
  ['change another field of the status', { observedGeneration: '4' }, /only conditions and validation messages/],
  ['take another field of the status away', { observedGeneration: null }, /only conditions and validation messages/],
];

export function policyCases(opened: () => Fixture): void {
  describe('the admission policy as shipped', () => {
    let token = '';
    const patch = async (target: KubeObject, status: object) => {
      const path = opened().admin.path(target, 'status');
      const { status: code, body } = await opened().admin.send(
        'PATCH',
        path,
        { status },
        'application/merge-patch+json',
        token,
      );
      return { code, message: String(body.message ?? '') };
    };

    before(async () => {
      const { admin } = opened();
      await admin.applyAll([...seed.namespace(APPS), ...seed.namespace('istio-system'), ...seed.namespace('vm-other')]);
      for (const file of ['policy.yaml', 'cluster.yaml', 'istio-namespace.yaml', 'group.yaml']) {
        await admin.applyAll(await shipped(file, { 'vm-apps': APPS }));
      }
      token = await admin.token(APPS, 'smm-agent-reviews');
      for (const object of [entry, foreignEntry, unmarked]) await admin.apply({ ...object, status: STATUS });
      // A policy counts some time after it was written; until then the attempt succeeds, so it is undone.
      const attempt = async () => {
        await admin.setStatus(entry, STATUS);
        return patch(entry, { conditions: [OWN] });
      };
      await eventually(attempt, ({ message }) => /only the conditions/.test(message));
    });

    it('lets the agent report and beat', async () => {
      await using agent = await agentOn(opened(), { token, group: { namespace: APPS, name: 'reviews' } });
      assert.equal((await agent.reporter.publish(report('words'), identity())).outcome, 'written');
      assert.equal((await agent.reporter.publish({ ...report('more'), messages: [] }, identity())).outcome, 'written');
      assert.equal((await agent.lease.heartbeat(versions, ['10.0.0.5'])).outcome, 'created');
    });

    for (const [what, status, why] of REFUSED) {
      it(`does not let it ${what}`, async () => {
        await opened().admin.setStatus(entry, STATUS);
        const { code, message } = await patch(entry, status);
        assert.equal(code, 403, message);
        assert.match(message, why);
      });
    }

    it('does not let it touch the entries of another group, not even of one whose name begins with its own', async () => {
      for (const object of [foreignEntry, unmarked]) {
        const { code, message } = await patch(object, { conditions: [HEALTHY, OWN] });
        assert.equal(code, 403);
        assert.match(message, /is not of group reviews/);
      }
      await opened().admin.change(unmarked, { metadata: { labels: { 'smm-agent.io/workload-group': 'reviews' } } });
      assert.equal((await patch(unmarked, { conditions: [HEALTHY, OWN] })).code, 200);
    });

    it('does not let a change of the status carry labels with it', async () => {
      const path = opened().admin.path(entry, 'status');
      const body = { metadata: { labels: { app: 'stolen' } } };
      await opened().admin.send('PATCH', path, body, 'application/merge-patch+json', token);
      assert.equal((await opened().admin.get(entry)).metadata.labels?.app, 'reviews');
    });

    it('lets it write only Leases of its own name and group', async () => {
      const { admin } = opened();
      const create = (object: KubeObject) => admin.send('POST', LEASES, object, 'application/json', token);
      assert.equal((await create(lease('smm-agent-vm2-00000000', 'reviews'))).status, 201);
      assert.equal((await create(lease('kube-scheduler', 'reviews'))).status, 403);
      assert.equal((await create(lease('smm-agent-vm3-00000000', 'ratings'))).status, 403);
      await admin.apply(lease('smm-agent-vm4-00000000', 'ratings'));
      const takeOver = {
        metadata: { labels: { 'smm-agent.io/workload-group': 'reviews' } },
        spec: { holderIdentity: 'y' },
      };
      const { status } = await admin.send(
        'PATCH',
        `${LEASES}/smm-agent-vm4-00000000`,
        takeOver,
        'application/merge-patch+json',
        token,
      );
      assert.equal(status, 403);
    });

    it('judges nobody else', async () => {
      await opened().admin.setStatus(entry, { conditions: [{ ...HEALTHY, status: 'False' }] });
    });
  });
}
