import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_RETRY_AFTER_MS, retryAfterMs } from '../../../src/control-plane/kubernetes/retry-after.ts';

const NOW = new Date('2026-11-23T12:00:00Z');

describe('Retry-After', () => {
  const rows: [header: string | null, ms: number | null][] = [
    [null, null],
    ['0', 0],
    ['7', 7_000],
    [' 7 ', 7_000],
    ['86400', MAX_RETRY_AFTER_MS],
    ['99999999999999999999', MAX_RETRY_AFTER_MS],
    ['Mon, 23 Nov 2026 12:00:30 GMT', 30_000],
    ['Mon, 23 Nov 2026 11:00:00 GMT', 0],
    ['Tue, 24 Nov 2026 12:00:00 GMT', MAX_RETRY_AFTER_MS],
    ['soon', null],
    ['', null],
  ];
  for (const [header, ms] of rows) {
    it(`${JSON.stringify(header)} is ${ms} ms`, () => assert.equal(retryAfterMs(header, NOW), ms));
  }
});
