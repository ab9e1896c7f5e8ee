import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { tickDelayMs } from '../../src/agent/schedule.ts';

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

  it('has a part that is fixed for each host', () => {
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
