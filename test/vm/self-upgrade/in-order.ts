/** Expectations of a journal: what must be there, and in which order. */
import assert from 'node:assert/strict';

/** Each of `expected` matches a line, after the one that the expectation before it matched. */
export function assertInOrder(lines: readonly string[], expected: readonly RegExp[]): void {
  let at = 0;
  for (const [index, pattern] of expected.entries()) {
    const found = lines.findIndex((line, number) => number >= at && pattern.test(line));
    const before = index === 0 ? 'from the beginning' : `after ${expected[index - 1]}`;
    assert.notEqual(found, -1, `no line matches ${pattern} ${before}; the journal:\n${lines.join('\n')}`);
    at = found + 1;
  }
}
