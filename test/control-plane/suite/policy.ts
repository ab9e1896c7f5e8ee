/** The admission policy as shipped: what an agent's account cannot do though RBAC would let it. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { KubeObject } from '../../sandbox/control-plane/object.ts';
import * as seed from '../../sandbox/control-plane/seed.ts';
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
  const metadata = { name, namespace: APPS, labels: leaseLabels(group) };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: { holderIdentity: 'x' } };
};

/** Statuses that an account must not be able to write on its own entry, as merge patches. */
const REASON = /status True, False or Unknown/;
const TIME = /has the form 2026-01-01T00:00:00Z/;
const MESSAGES = /up to 8 validation messages/;
const MESSAGE = {
  type: { name: 'IstioRestartPending', code: 'SMM0001' },
  level: 'ERROR',
  documentationUrl: 'https://example.com',
};

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
  // istiod cannot decode these two, and then no entry of the whole mesh.
  ['write a text as observedGeneration', { conditions: [HEALTHY, { ...OWN, observedGeneration: 'x' }] }, REASON],
  ['write a time with a small t and z', ownTime('2026-01-01t00:00:00z'), TIME],
  ['write a time with an offset', ownTime('2026-01-01T00:00:00+02:00'), TIME],
  ['write a time with a fraction', ownTime('2026-01-01T00:00:00.5Z'), TIME],
  ['write a time before the year 1', ownTime('0000-01-01T00:00:00Z'), TIME],
  ['write a lastProbeTime', { conditions: [HEALTHY, { ...OWN, lastProbeTime: '2026-01-01T00:00:00Z' }] }, REASON],
  ['write a status of its own', { conditions: [HEALTHY, { ...OWN, status: 'Perhaps' }] }, REASON],
  ['leave the reason out', { conditions: [HEALTHY, { ...OWN, reason: '' }] }, REASON],
  ['write a reason of several words', { conditions: [HEALTHY, { ...OWN, reason: 'two words' }] }, REASON],
  ['write a reason of two lines', { conditions: [HEALTHY, { ...OWN, reason: 'Two\nLines' }] }, REASON],
  ['write a long reason', { conditions: [HEALTHY, { ...OWN, reason: `A${'a'.repeat(64)}` }] }, REASON],
  ['write a long message', { conditions: [HEALTHY, { ...OWN, message: 'x'.repeat(8193) }] }, /longer than 8192/],
  [
    'write a message of 900 KB',
    { conditions: [HEALTHY, { ...OWN, message: 'x'.repeat(900_000) }] },
    /longer than 8192/,
  ],
  ['write nine validation messages', { validationMessages: [FOREIGN, ...Array(9).fill(MESSAGE)] }, MESSAGES],
  ['write a code of five digits', ownMessage({ type: { name: 'A', code: 'SMM00001' } }), MESSAGES],
  ['write a code of other letters', ownMessage({ type: { name: 'A', code: 'SMMX' } }), MESSAGES],
  ['write a name of several words', ownMessage({ type: { name: 'a b', code: 'SMM0001' } }), MESSAGES],
  ['write the level UNKNOWN', ownMessage({ level: 'UNKNOWN' }), MESSAGES],
  ['write a long URL', ownMessage({ documentationUrl: `https://example.com/${'x'.repeat(2048)}` }), MESSAGES],
];

function ownTime(lastTransitionTime: string): object {
  return { conditions: [HEALTHY, { ...OWN, lastTransitionTime }] };
}

function ownMessage(change: object): object {
  return { validationMessages: [FOREIGN, { ...MESSAGE, ...change }] };
}

/** Leases that an account must not be able to make, as changes of one that is right. */
const REFUSED_LEASES: [what: string, metadata: object, spec: object, why: RegExp][] = [
  ['a finalizer', { finalizers: ['example.com/stay'] }, {}, /no finalizers/],
  [
    'an owner',
    {
      ownerReferences: [
        { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'f1b8b4a2-0000-4000-8000-000000000000' },
      ],
    },
    {},
    /no finalizers and no owner references/,
  ],
  [
    "another's annotation",
    { annotations: { 'control-plane.alpha.kubernetes.io/leader': 'x' } },
    {},
    /only annotations/,
  ],
  ['a long annotation', { annotations: { 'smm-agent.io/agent-version': 'x'.repeat(1025) } }, {}, /only annotations/],
  ["another's label", { labels: { ...leaseLabels('reviews'), app: 'x' } }, {}, /only annotations and labels/],
  ['a long holder', {}, { holderIdentity: 'x'.repeat(257) }, /holderIdentity of up to 256/],
  ['a Lease that lasts a day', {}, { leaseDurationSeconds: 86_400 }, /leaseDurationSeconds of up to 3600/],
];

function leaseLabels(group: string): Record<string, string> {
  return { 'smm-agent.io/workload-group': group };
}

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

    for (const [what, metadata, spec, why] of REFUSED_LEASES) {
      it(`does not let it write ${what} on a Lease`, async () => {
        const right = lease('smm-agent-vm5-00000000', 'reviews');
        const wrong = {
          ...right,
          metadata: { ...right.metadata, ...metadata },
          spec: { ...(right.spec as object), ...spec },
        };
        const { status, body } = await opened().admin.send('POST', LEASES, wrong, 'application/json', token);
        assert.equal(status, 403, String(body.message));
        assert.match(String(body.message), why);
      });
    }

    it("keeps others' annotations on a Lease, and does not let it take them away", async () => {
      const { admin } = opened();
      const theirs = lease('smm-agent-vm6-00000000', 'reviews');
      await admin.apply({ ...theirs, metadata: { ...theirs.metadata, annotations: { 'example.com/note': 'stays' } } });
      const path = `${LEASES}/smm-agent-vm6-00000000`;
      const patch = (metadata: object) =>
        admin.send('PATCH', path, { metadata }, 'application/merge-patch+json', token);
      assert.equal((await patch({ annotations: { 'smm-agent.io/agent-version': '1.0.0' } })).status, 200);
      assert.equal((await patch({ annotations: { 'example.com/note': null } })).status, 403);
      assert.equal((await patch({ annotations: { 'example.com/note': 'changed' } })).status, 403);
    });

    it('judges no other account', async () => {
      await opened().admin.setStatus(entry, { conditions: [{ ...HEALTHY, status: 'False' }] });
    });
  });
}
