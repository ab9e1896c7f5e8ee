import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { entryPatch, lacksOnlyMessages } from '../../../src/control-plane/report/entry-patch.ts';
import { type EntryReport, WorkloadEntry } from '../../../src/control-plane/report/entry-report.ts';
import { jsonPatch } from '../../sandbox/control-plane/json-patch.ts';

const NOW = new Date('2026-11-23T12:00:00.123Z');
const LATER = new Date('2026-11-23T13:00:00Z');

const item = (type: string) =>
  fc.record({
    type: fc.constant(type),
    status: fc.constantFrom('True', 'False'),
    reason: fc.string(),
    message: fc.string(),
  });
const types = fc.constantFrom('Healthy', 'Ready', 'IstioRestartPending', 'SmmAgent');
const condition = types
  .chain(item)
  .chain((known) =>
    fc
      .record({ observedGeneration: fc.oneof(fc.nat(), fc.constant('7')), unknown: fc.string() }, { requiredKeys: [] })
      .map((more) => ({ ...known, ...more })),
  );
const message = fc.record({
  type: fc.record({ name: fc.constantFrom('a', 'b'), code: fc.constantFrom('IST0101', 'SMM0001', 'SMM0002', '') }),
  level: fc.constantFrom('ERROR', 'WARNING'),
  documentationUrl: fc.constantFrom('https://example.com/a', ''),
});
const status = fc.option(
  fc.record(
    {
      conditions: fc.option(fc.array(condition, { maxLength: 6 })),
      validationMessages: fc.option(fc.array(message, { maxLength: 6 })),
      other: fc.string(),
    },
    { requiredKeys: [] },
  ),
);
const value = fc.record({
  status: fc.constantFrom('True', 'False', 'Unknown'),
  reason: fc.string(),
  message: fc.string(),
});
const ownMessage = fc.constantFrom('SMM0001', 'SMM0002').map((code) => ({
  type: { name: 'a', code },
  level: 'ERROR' as const,
  documentationUrl: 'https://example.com/a',
}));
const reports = fc.record({
  pending: value,
  agent: value,
  messages: fc.uniqueArray(ownMessage, { selector: ({ type }) => type.code }),
}) as fc.Arbitrary<EntryReport>;

type Raw = {
  metadata: object;
  status?: {
    conditions?: { type: string; lastTransitionTime?: string }[];
    validationMessages?: { type: { code: string } }[];
    other?: string;
  };
};
/** As it comes over the wire. */
const rawOf = (of: object | null): Raw => {
  const metadata = { name: 'e', uid: 'u', resourceVersion: '41' };
  return JSON.parse(JSON.stringify({ metadata, ...(of === null ? {} : { status: of }) }));
};

/** What the API server makes of the patch, null lists as it would have them. */
function patched(raw: Raw, report: EntryReport, now = NOW): Raw {
  const operations = entryPatch(WorkloadEntry.parse(raw), report, now);
  return operations.length === 0 ? raw : jsonPatch(raw, operations);
}

const foreignConditions = ({ status: of }: Raw) =>
  (of?.conditions ?? []).filter(({ type }) => type !== 'IstioRestartPending' && type !== 'SmmAgent');
const foreignMessages = ({ status: of }: Raw) =>
  (of?.validationMessages ?? []).filter(({ type }) => !type.code.startsWith('SMM'));

describe('the patch of an entry', () => {
  it('says the report, keeps everything else exactly as it was, and is not written twice', () => {
    fc.assert(
      fc.property(status, reports, (of, report) => {
        const before = rawOf(of);
        const after = patched(before, report);
        assert.deepEqual(foreignConditions(after), foreignConditions(before));
        assert.deepEqual(foreignMessages(after), foreignMessages(before));
        assert.equal(after.status?.other, before.status?.other);
        const own = (type: string) => (after.status?.conditions ?? []).filter((found) => found.type === type);
        for (const [type, wanted] of [
          ['IstioRestartPending', report.pending],
          ['SmmAgent', report.agent],
        ] as const) {
          const [only, ...more] = own(type) as unknown as Record<string, unknown>[];
          assert.equal(more.length, 0);
          assert.deepEqual([only?.status, only?.reason, only?.message], [wanted.status, wanted.reason, wanted.message]);
        }
        const codes = (after.status?.validationMessages ?? [])
          .map(({ type }) => type.code)
          .filter((code) => code.startsWith('SMM'));
        assert.deepEqual(codes.sort(), report.messages.map(({ type }) => type.code).sort());
        assert.deepEqual(entryPatch(WorkloadEntry.parse(after), report, LATER), []);
      }),
    );
  });

  it('begins with a test on the resourceVersion that it was made for', () => {
    fc.assert(
      fc.property(status, reports, (of, report) => {
        const [first] = entryPatch(WorkloadEntry.parse(rawOf(of)), report, NOW);
        if (first !== undefined)
          assert.deepEqual(first, { op: 'test', path: '/metadata/resourceVersion', value: '41' });
      }),
    );
  });

  const report = (pending: 'True' | 'False', words: string): EntryReport => ({
    pending: { status: pending, reason: 'R', message: words },
    agent: { status: 'True', reason: 'R', message: 'm' },
    messages: [],
  });

  it("writes a condition of its own again that holds what the admission policy refuses, with the agent's own form", () => {
    const words = { type: 'SmmAgent', status: 'True', reason: 'Ready', message: 'words' };
    const agent = { status: 'True', reason: 'Ready', message: 'words' } as const;
    for (const hostile of [{ observedGeneration: 'x' }, { lastTransitionTime: '2026-01-01t00:00:00z' }]) {
      const entry = WorkloadEntry.parse(rawOf({ conditions: [{ ...words, ...hostile }] }));
      const replaced = entryPatch(entry, { pending: agent, agent, messages: [] }, NOW).find(
        ({ op }) => op === 'replace',
      );
      assert.deepEqual(replaced?.value, { ...words, lastTransitionTime: '2026-11-23T12:00:00Z' });
    }
  });

  it('cuts a long message, so that the admission policy takes it', () => {
    const message = `${'x'.repeat(3999)}\u{1F600}`.repeat(3);
    const value = { status: 'True', reason: 'Ready', message } as const;
    const operations = entryPatch(
      WorkloadEntry.parse(rawOf(null)),
      { pending: value, agent: value, messages: [] },
      NOW,
    );
    const [first] = (operations.at(-1)?.value ?? []) as { message: string }[];
    assert.ok((first?.message.length ?? 0) <= 4000);
    assert.match(first?.message ?? '', /x \.\.\. \(cut off; "smm-agent status" on the machine has all of it\)$/);
  });

  it('keeps lastTransitionTime while only the words change, and sets it when the status does', () => {
    const since = (raw: Raw) => raw.status?.conditions?.[0]?.lastTransitionTime;
    const first = patched(rawOf(null), report('True', 'one'));
    assert.equal(since(first), '2026-11-23T12:00:00Z');
    const words = patched(first, report('True', 'two'), LATER);
    assert.equal(since(words), '2026-11-23T12:00:00Z');
    assert.equal(since(patched(words, report('False', 'two'), LATER)), '2026-11-23T13:00:00Z');
  });

  it('tells when only its messages were taken away', () => {
    const full: EntryReport = {
      ...report('True', 'one'),
      messages: [{ type: { name: 'a', code: 'SMM0001' }, level: 'ERROR', documentationUrl: '' }],
    };
    const written = patched(rawOf(null), full);
    assert.equal(lacksOnlyMessages(WorkloadEntry.parse(written), full), false);
    const taken = { ...written, status: { ...written.status, validationMessages: [] } };
    assert.equal(lacksOnlyMessages(WorkloadEntry.parse(taken), full), true);
    assert.equal(lacksOnlyMessages(WorkloadEntry.parse(rawOf(null)), full), false);
  });
});
