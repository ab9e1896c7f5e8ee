import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Allowance, doubled, spread } from '../../src/host/pace.ts';

describe('a wait that doubles', () => {
  it('begins at the first, and ends at the longest', () => {
    const waits = [0, 1, 2, 3, 5000].map((times) => doubled({ firstMs: 10, longestMs: 50 }, times));
    assert.deepEqual(waits, [10, 20, 40, 50, 50]);
  });

  it('is the first one also where nothing was counted yet', () => {
    assert.equal(doubled({ firstMs: 10, longestMs: 50 }, -3), 10);
  });
});

describe('a spread wait', () => {
  it('lies between half and the whole', () => {
    assert.deepEqual([spread(100, 0), spread(100, 0.5), spread(100, 1)], [50, 75, 100]);
  });
});

describe('an allowance', () => {
  it('is used up, and comes back one by one, up to what it was', () => {
    const allowance = new Allowance({ most: 2, refillMs: 10 });
    const tries = [0, 1, 2, 9, 10, 11, 20, 1000, 1000, 1000].map((nowMs) => {
      const may = allowance.has(nowMs);
      if (may) allowance.spend();
      return may;
    });
    assert.deepEqual(tries, [true, true, false, false, true, false, true, true, true, false]);
  });
});
