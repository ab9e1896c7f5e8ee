/** The report on the WorkloadEntry. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PUBLICATIONS_PER_SEARCH } from '../../../src/control-plane/report/workload-entry.ts';
import type { KubeObject } from '../../sandbox/control-plane/object.ts';
import * as seed from '../../sandbox/control-plane/seed.ts';
import { type Fixture, identity, report } from '../fixture.ts';
import { makeMesh } from './mesh.ts';

type Item = Record<string, unknown> & { type: unknown };

const conditionsOf = (entry: KubeObject) => (entry.status?.conditions ?? []) as Item[];
const messagesOf = (entry: KubeObject) => (entry.status?.validationMessages ?? []) as { type: { code: string } }[];
const HEALTHY = {
  type: 'Healthy',
  status: 'True',
  lastProbeTime: '2026-11-23T10:00:00Z',
  lastTransitionTime: '2026-11-23T10:00:00Z',
};
const FOREIGN = {
  type: { name: 'Other', code: 'IST0101' },
  level: 'WARNING',
  documentationUrl: 'https://example.com/IST0101',
};

export function entryCases(opened: () => Fixture): void {
  describe('the report on the WorkloadEntry', () => {
    it('stands beside what others wrote, and changes only when it says something else', async () => {
      const { admin } = opened();
      const { apps, agent: make } = await makeMesh(opened(), 'e1', {});
      const entry = seed.autoRegisteredEntry(apps, 'reviews', '10.0.0.5');
      await admin.apply({ ...entry, status: { conditions: [HEALTHY], validationMessages: [FOREIGN] } });
      await using agent = await make();
      assert.deepEqual(await agent.reporter.publish(report('first'), identity()), {
        outcome: 'written',
        entry: 'reviews-10.0.0.5',
      });
      const written = await admin.get(entry);
      assert.deepEqual(
        conditionsOf(written).map(({ type }) => type),
        ['Healthy', 'IstioRestartPending', 'SmmAgent'],
      );
      assert.deepEqual(conditionsOf(written)[0], HEALTHY);
      assert.deepEqual(
        messagesOf(written).map(({ type }) => type.code),
        ['IST0101', 'SMM0001'],
      );
      for (let turn = 0; turn < 3; turn += 1) {
        assert.equal((await agent.reporter.publish(report('first'), identity())).outcome, 'unchanged');
      }
      assert.equal((await admin.get(entry)).metadata.resourceVersion, written.metadata.resourceVersion);
      const quiet = { ...report('second'), messages: [] };
      quiet.pending.status = 'False';
      assert.equal((await agent.reporter.publish(quiet, identity())).outcome, 'written');
      const changed = await admin.get(entry);
      assert.deepEqual(messagesOf(changed), [FOREIGN]);
      const since = (object: KubeObject, type: string) =>
        conditionsOf(object).find((item) => item.type === type)?.lastTransitionTime;
      assert.equal(since(changed, 'SmmAgent'), since(written, 'SmmAgent'), 'the status is as it was: so is its time');
      assert.equal(conditionsOf(changed)[1]?.status, 'False');
    });

    it('is written again after the entry was deleted and made again, and waits while there is no entry', async () => {
      const { admin } = opened();
      const { apps, agent: make } = await makeMesh(opened(), 'e2', {});
      const entry = seed.autoRegisteredEntry(apps, 'reviews', '10.0.0.5');
      await using agent = await make();
      const none = await agent.reporter.publish(report('words'), identity());
      assert.equal(none.outcome, 'no-entry');
      assert.match('reason' in none ? none.reason : '', /reviews-10\.0\.0\.5/);
      for (let life = 0; life < 3; life += 1) {
        await admin.apply({ ...entry, status: { conditions: [HEALTHY] } });
        assert.equal((await agent.reporter.publish(report('words'), identity())).outcome, 'written');
        assert.deepEqual(conditionsOf(await admin.get(entry))[0], HEALTHY);
        await admin.remove(entry);
        assert.equal((await agent.reporter.publish(report('words'), identity())).outcome, 'no-entry');
      }
    });

    it('finds an entry with an IPv6 address and a network by its registered name', async () => {
      const { apps, agent: make } = await makeMesh(opened(), 'e3', {});
      await opened().admin.apply(seed.autoRegisteredEntry(apps, 'reviews', 'fd00::5', 'reviews-fd00--5-net-1'));
      await using agent = await make();
      const known = { ...identity('fd00::5'), network: 'net-1' };
      assert.deepEqual(await agent.reporter.publish(report('words'), known), {
        outcome: 'written',
        entry: 'reviews-fd00--5-net-1',
      });
    });

    it('finds an entry made by hand by address and group, and searches only now and then', async () => {
      const { admin } = opened();
      const { apps, agent: make } = await makeMesh(opened(), 'e4', {});
      await admin.applyAll([
        seed.handMadeEntry(apps, 'of-another-group', '10.0.0.5', { app: 'ratings' }),
        seed.handMadeEntry(
          apps,
          'marked-for-another',
          '10.0.0.5',
          { app: 'reviews' },
          { 'smm-agent.io/workload-group': 'ratings' },
        ),
        seed.handMadeEntry(apps, 'of-another-machine', '10.0.0.6', { app: 'reviews' }),
      ]);
      await using agent = await make();
      assert.equal((await agent.reporter.publish(report('words'), identity())).outcome, 'no-entry');
      await admin.apply(seed.handMadeEntry(apps, 'by-hand', '10.0.0.5', { app: 'reviews', version: 'v1' }));
      const outcomes: string[] = [];
      for (let turn = 0; turn < PUBLICATIONS_PER_SEARCH; turn += 1) {
        outcomes.push((await agent.reporter.publish(report('words'), identity())).outcome);
      }
      assert.deepEqual([outcomes[0], outcomes.at(-1)], ['no-entry', 'written']);
      assert.deepEqual(await agent.reporter.publish(report('words'), identity()), {
        outcome: 'unchanged',
        entry: 'by-hand',
      });
      await admin.apply(seed.handMadeEntry(apps, 'second', '10.0.0.5', { app: 'reviews' }));
      agent.reporter.refresh();
      const two = await agent.reporter.publish(report('words'), identity());
      assert.equal(two.outcome, 'ambiguous');
      assert.match('reason' in two ? two.reason : '', /by-hand, second/);
    });

    it('keeps an observedGeneration that is a string, and fields that it does not know', async () => {
      const { admin } = opened();
      const { apps, agent: make } = await makeMesh(opened(), 'e5', {});
      const entry = seed.autoRegisteredEntry(apps, 'reviews', '10.0.0.5');
      const odd = { ...HEALTHY, observedGeneration: '7' };
      await admin.apply({ ...entry, status: { conditions: [odd], observedGeneration: '7' } });
      await using agent = await make();
      assert.equal((await agent.reporter.publish(report('words'), identity())).outcome, 'written');
      const after = await admin.get(entry);
      assert.deepEqual(conditionsOf(after)[0], odd);
      assert.equal(after.status?.observedGeneration, '7');
    });

    it('writes messages again that another writer removes, but not for ever', async () => {
      const { admin } = opened();
      const { apps, agent: make } = await makeMesh(opened(), 'e6', {});
      const entry = seed.autoRegisteredEntry(apps, 'reviews', '10.0.0.5');
      await admin.apply(entry);
      await using agent = await make();
      const outcomes: string[] = [];
      for (let turn = 0; turn < 8; turn += 1) {
        outcomes.push((await agent.reporter.publish(report('words'), identity())).outcome);
        await admin.setStatus(entry, { validationMessages: [] });
      }
      assert.deepEqual(outcomes, [...Array(7).fill('written'), 'held-back']);
      assert.equal(conditionsOf(await admin.get(entry)).length, 2, 'the conditions stand');
    });
  });
}
