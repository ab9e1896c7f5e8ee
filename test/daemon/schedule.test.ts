import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { tickAt, tickDelayMs } from '../../src/daemon/schedule.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('the delay of a tick', () => {
  it('never exceeds the jitter, and is whole milliseconds', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 0, max: 3600 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (host, jitter, random) => {
          const delay = tickDelayMs(host, jitter, () => random);
          return Number.isInteger(delay) && delay >= 0 && delay <= jitter * 1000;
        },
      ),
    );
  });

  it('has a fixed part for each host', () => {
    const phase = (host: string) => tickDelayMs(host, 60, () => 0);
    assert.equal(phase('vm1'), phase('vm1'));
    assert.notEqual(phase('vm1'), phase('vm2'));
  });

  it('spreads a fleet evenly over its half of the jitter', () => {
    const tenths = new Array<number>(10).fill(0);
    for (let host = 0; host < 10_000; host++) {
      const tenth = Math.min(9, Math.floor(tickDelayMs(`vm-${host}`, 20, () => 0) / 1000));
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const count of tenths) assert.ok(count > 850 && count < 1150, `${tenths}`);
  });
});

describe('the polls', () => {
  const MINUTE_MS = 60_000;
  const HOUR_MS = 60 * MINUTE_MS;

  /** Polls at each full minute; `pass` lets time pass in steps of a second. */
  function polls() {
    const clock = new ManualClock();
    const ending = new AbortController();
    let ticks = 0;
    const nextMatch = () => new Date((Math.floor(clock.now().getTime() / MINUTE_MS) + 1) * MINUTE_MS);
    const ended = tickAt(
      nextMatch,
      () => 0,
      clock,
      () => ticks++,
      ending.signal,
    );
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 1000) {
        clock.pass(1000);
        await new Promise(setImmediate);
      }
    };
    const end = async () => {
      ending.abort(new Error('over'));
      await assert.rejects(ended, /over/);
    };
    return { clock, pass, ticks: () => ticks, end };
  }

  it('come at each match', async () => {
    const run = polls();
    await run.pass(5 * MINUTE_MS + 1000);
    assert.equal(run.ticks(), 5);
    await run.end();
  });

  it('go on when the clock is set back by hours', async () => {
    const run = polls();
    await run.pass(MINUTE_MS);
    run.clock.setWall(-5 * HOUR_MS);
    await run.pass(3 * MINUTE_MS);
    assert.ok(run.ticks() >= 3, `${run.ticks()} polls in four minutes`);
    await run.end();
  });

  it('come once when the clock is set forward by years, and not once for each skipped minute', async () => {
    const run = polls();
    await run.pass(MINUTE_MS);
    run.clock.setWall(50 * 365 * 24 * HOUR_MS);
    await run.pass(3 * MINUTE_MS);
    assert.ok(run.ticks() >= 3 && run.ticks() <= 5, `${run.ticks()} polls in four minutes`);
    await run.end();
  });
});
