import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type PendingFacts, restartPending } from '../../src/istio/pending.ts';

const A = '1.31.0-aaaaaaaaaaaa';
const B = '1.31.1-bbbbbbbbbbbb';
const SINCE = new Date('2026-11-23T11:00:00Z');
const next = (id: string, problems: string[] = []) => ({ id, since: SINCE, problems });
const runs = (id: string) => ({ answer: 'release', id, upMs: 60_000 }) as const;

function pending(facts: Pick<PendingFacts, 'running' | 'next'> & { blocked?: string; isOurs?: boolean }) {
  return restartPending({
    isOurs: false,
    blocked: null,
    ...facts,
    why: (from, to) => (from === to ? [] : ['Istio 1.31.0 to 1.31.1']),
  });
}

describe('restart pending', () => {
  it('is no while what runs is what the next start brings', () => {
    assert.deepEqual(pending({ running: runs(A), next: next(A) }), { answer: 'no', running: A });
  });

  it('is yes with another release, says which, since when and why', () => {
    const expected = { answer: 'yes', running: A, staged: B, since: SINCE, why: ['Istio 1.31.0 to 1.31.1'] };
    assert.deepEqual(pending({ running: runs(A), next: next(B) }), expected);
  });

  it('compares a stopped Istio by what ran last', () => {
    assert.equal(pending({ running: { answer: 'nothing', lastRan: A }, next: next(B) }).answer, 'yes');
    assert.equal(pending({ running: { answer: 'nothing', lastRan: B }, next: next(B) }).answer, 'no');
  });

  it('is unknown while something defeats what the next start brings', () => {
    const reason = 'cannot tell what the next start of Istio brings: /etc/x:3 sets PILOT_ADDRESS';
    const blocked = '/etc/x:3 sets PILOT_ADDRESS';
    assert.deepEqual(pending({ running: runs(A), next: next(A), blocked }), { answer: 'unknown', reason });
    assert.deepEqual(pending({ running: runs(A), next: next(B), blocked }), { answer: 'unknown', reason });
  });

  it('always has a reason, also when nothing has ever run', () => {
    const answer = pending({ running: { answer: 'nothing', lastRan: null }, next: next(B) });
    assert.ok(answer.answer === 'yes');
    assert.deepEqual(answer.why, [`release none to ${B}`]);
  });

  it('is no before the first release, when nothing runs either', () => {
    assert.equal(pending({ running: { answer: 'nothing', lastRan: null }, next: null }).answer, 'no');
  });

  const unknowns: [string, Pick<PendingFacts, 'running' | 'next'>, RegExp][] = [
    ['what runs is unknown', { running: { answer: 'unknown', reason: 'deleted' }, next: next(B) }, /deleted/],
    ['the staged release is damaged', { running: runs(A), next: next(B, ['x is missing']) }, /damaged: x is missing/],
    [
      "Istio was started from its package's files",
      { running: { answer: 'package', processes: { envoy: null, pilotAgent: null } }, next: next(B) },
      /package's own files/,
    ],
    [
      'it is not adopted yet',
      { running: { answer: 'package', processes: { envoy: null, pilotAgent: null } }, next: null },
      /not adopted yet/,
    ],
  ];
  for (const [what, facts, reason] of unknowns) {
    it(`is unknown when ${what}`, () => {
      const answer = pending(facts);
      assert.ok(answer.answer === 'unknown');
      assert.match(answer.reason, reason);
    });
  }

  it('is yes while Istio runs from its package, where the drop-in makes the next start another', () => {
    const running = { answer: 'package', processes: { envoy: null, pilotAgent: null } } as const;
    const answer = pending({ running, next: next(B), isOurs: true });
    assert.ok(answer.answer === 'yes');
    assert.match(answer.why.join(), /package's own files/);
    assert.equal(pending({ running, next: next(B, ['x is missing']), isOurs: true }).answer, 'unknown');
  });

  it('is no, and not unknown, when a damaged release is the one that runs', () => {
    assert.equal(pending({ running: runs(A), next: next(A, ['x is missing']) }).answer, 'no');
  });
});
