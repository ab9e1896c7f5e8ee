import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { supervised } from '../../src/daemon/turn-supervisor.ts';
import type { Tell } from '../../src/turn/events.ts';
import { ManualClock } from '../support/manual-clock.ts';

const MINUTE_MS = 60_000;

/** A turn under the supervisor; `pass` lets minutes go by, one after the other. */
function supervise(turn: (tell: Tell, signal: AbortSignal) => Promise<string>) {
  const clock = new ManualClock();
  const said: string[] = [];
  const outcome: { value?: string; error?: { code?: string; message: string } } = {};
  supervised(turn, {
    clock,
    tell: () => {},
    signal: new AbortController().signal,
    hangs: (sentence) => void said.push(sentence),
  }).then(
    (value) => Object.assign(outcome, { value }),
    (error) => Object.assign(outcome, { error }),
  );
  const pass = async (minutes: number) => {
    for (let minute = 0; minute < minutes; minute++) {
      clock.pass(MINUTE_MS);
      await setImmediate();
      await setImmediate();
    }
  };
  return { said, outcome, pass };
}

const untilCut = (signal: AbortSignal) =>
  new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

describe('a turn without progress', () => {
  it('is reported once as hanging, with the time and the step', async () => {
    const { said, pass } = supervise(async (tell, signal) => {
      tell({ kind: 'learnt', text: 'istio.service is active' });
      tell({ kind: 'begun', step: 'stage', text: 'the control plane is at 1.31.1' });
      return untilCut(signal);
    });
    await pass(4);
    assert.deepEqual(said, []);
    await pass(8);
    assert.deepEqual(said, ['the turn has been hanging since 2026-11-23T12:00:00.000Z at the step stage']);
  });

  it('is cut off at its deadline', async () => {
    const { outcome, pass } = supervise((_, signal) => untilCut(signal));
    await pass(19);
    assert.deepEqual(outcome, {});
    await pass(2);
    assert.equal(outcome.error?.code, 'SMM514');
    assert.match(
      outcome.error.message,
      /^cannot finish the turn: it has been hanging since .* at the observation of the machine$/,
    );
  });

  it('ends its process if it cannot be cut off: two turns at once would be worse', async () => {
    const { outcome, pass } = supervise(() => new Promise(() => {}));
    await pass(22);
    assert.equal(outcome.error?.code, 'SMM515');
    assert.match(outcome.error.message, /^cannot stop the turn: it has been hanging since .* at the observation/);
  });
});

describe('a turn with progress', () => {
  it('may take as long as the bytes of a download arrive', async () => {
    let tellAll: Tell = () => {};
    const { said, outcome, pass } = supervise((tell, signal) => {
      tellAll = tell;
      return untilCut(signal);
    });
    for (let bytes = 0; bytes < 60; bytes++) {
      tellAll({ kind: 'progress', bytes, total: null });
      await pass(1);
    }
    assert.deepEqual([said, outcome], [[], {}]);
    for (let minute = 0; minute < 22; minute++) {
      tellAll({ kind: 'progress', bytes: 59, total: null });
      await pass(1);
    }
    assert.equal(outcome.error?.code, 'SMM514', 'the same bytes again are no progress');
    assert.equal(said.length, 1);
  });

  it('returns the result of the turn, and leaves no timer', async () => {
    const { outcome, pass } = supervise(async () => 'the status');
    await pass(1);
    assert.deepEqual(outcome, { value: 'the status' });
  });
});
