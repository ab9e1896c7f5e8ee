/** Others write the same status without a pause: nothing that was acknowledged is ever lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../sandbox/control-plane/object.ts';
import * as seed from '../../sandbox/control-plane/seed.ts';
import { type Fixture, identity, report } from '../fixture.ts';
import { makeMesh } from './mesh.ts';

/** One acknowledged write of `Healthy`: what its writer had read, and what it wrote. */
interface Write {
  base: number;
  read: string;
  version: number;
  wrote: string;
}

interface Condition {
  type: string;
  message?: string;
}

const WRITERS = 4;
const messageOf = ({ status }: KubeObject, type: string) =>
  ((status?.conditions ?? []) as Condition[]).find((condition) => condition.type === type)?.message ?? '';

/** As istiod does it: reads, and writes the whole status back with another `Healthy`. A 409 is a try lost. */
async function write({ admin }: Fixture, entry: KubeObject, wrote: string): Promise<Write | null> {
  const current = await admin.get(entry);
  const others = ((current.status?.conditions ?? []) as Condition[]).filter(({ type }) => type !== 'Healthy');
  const conditions = [...others, { type: 'Healthy', status: 'True', message: wrote }];
  const { status, body } = await admin.putStatus({ ...current, status: { ...current.status, conditions } });
  if (status === 409) return null;
  assert.equal(status, 200, JSON.stringify(body));
  const { metadata } = body as unknown as KubeObject;
  return {
    base: Number(current.metadata.resourceVersion),
    read: messageOf(current, 'Healthy'),
    version: Number(metadata.resourceVersion),
    wrote,
  };
}

export function stormCases(opened: () => Fixture): void {
  describe('a storm of writes', () => {
    it('loses no acknowledged write of Healthy, and the report arrives', { timeout: 300_000 }, async (test) => {
      const fixture = opened();
      const { apps, agent: make } = await makeMesh(fixture, 's1', {});
      const entry = seed.autoRegisteredEntry(apps, 'reviews', '10.0.0.5');
      await fixture.admin.apply(entry);
      const writes: Write[] = [];
      const writer = async (number: number) => {
        for (let count = 0; writes.length < fixture.stormWrites; count += 1) {
          const done = await write(fixture, entry, `writer ${number}, ${count}`);
          if (done !== null) writes.push(done);
        }
      };
      await using agent = await make();
      const outcomes: Record<string, number> = {};
      let words = '';
      const reports = async () => {
        // The storm need not leave a gap for the report. Without a gap, the report arrives after the storm.
        for (let count = 0; writes.length < fixture.stormWrites || outcomes.written === undefined; count += 1) {
          words = `report ${count}`;
          const { outcome } = await agent.reporter.publish(report(words), identity());
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        }
      };
      await Promise.all([...Array.from({ length: WRITERS }, (_, number) => writer(number)), reports()]);
      test.diagnostic(`${writes.length} writes of Healthy; the agent: ${JSON.stringify(outcomes)}`);

      writes.sort((a, b) => a.version - b.version);
      for (const { base, read } of writes) {
        // A writer that read at `base` must have read the last write acknowledged up to `base`: none is lost.
        assert.equal(read, writes.findLast(({ version }) => version <= base)?.wrote ?? '');
      }
      assert.deepEqual(
        Object.keys(outcomes).filter((outcome) => outcome !== 'written' && outcome !== 'conflict'),
        [],
      );
      assert.match((await agent.reporter.publish(report(words), identity())).outcome, /written|unchanged/);
      const end = await fixture.admin.get(entry);
      assert.equal(messageOf(end, 'Healthy'), writes.at(-1)?.wrote);
      assert.equal(messageOf(end, 'SmmAgent'), words);
    });
  });
}
