import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { editDistance, nearest } from '../../src/base/nearest.ts';

describe('the nearest word', () => {
  for (const [word, candidates, expected] of [
    ['holds', ['hold', 'log'], 'hold'],
    ['node-ip', ['nodeIp', 'poll'], 'nodeIp'],
    ['scedule', ['schedule', 'jitterSeconds'], 'schedule'],
    ['completely-other', ['hold', 'log'], null],
    ['x', ['log'], null],
    ['x', [], null],
  ] as const) {
    it(`of ${word} is ${expected}`, () => assert.equal(nearest(word, candidates), expected));
  }
});

describe('the edit distance', () => {
  it('is a metric', () => {
    const word = fc.string({ maxLength: 8 });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        assert.equal(editDistance(a, a), 0);
        assert.equal(editDistance(a, b) === 0, a === b);
        assert.equal(editDistance(a, b), editDistance(b, a));
        assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c));
      }),
    );
  });
});
