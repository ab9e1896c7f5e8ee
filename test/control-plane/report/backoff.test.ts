import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Backoff } from '../../../src/control-plane/report/backoff.ts';
import { SkippingClock } from '../../support/skipping-clock.ts';

const backoff = (random: () => number) =>
  new Backoff({ baseMs: 100, capMs: 1_000, clock: new SkippingClock(), random });

describe('the wait between two tries', () => {
  it('doubles up to the cap', () => {
    const longest = backoff(() => 0.999);
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map(() => longest.nextMs()),
      [99, 199, 399, 799, 999, 999],
    );
  });

  it('is never longer than the cap, however many tries there were, and can be anything below', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (tries, random) => {
          const any = backoff(() => random);
          for (let count = 0; count < tries; count += 1) assert.ok(any.nextMs() <= 1_000);
        },
      ),
      { numRuns: 20 },
    );
    assert.equal(backoff(() => 0).nextMs(), 0);
  });
});
