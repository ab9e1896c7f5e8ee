import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { retryAfterMs } from '../../src/host/retry-after.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const MAX = 300_000;

describe('Retry-After', () => {
  const rows: [header: unknown, ms: number | null][] = [
    [null, null],
    [undefined, null],
    ['0', 0],
    ['7', 7_000],
    [' 7 ', 7_000],
    ['86400', MAX],
    ['99999999999999999999', MAX],
    ['Mon, 23 Nov 2026 12:00:30 GMT', 30_000],
    ['Mon, 23 Nov 2026 11:00:00 GMT', 0],
    ['Tue, 24 Nov 2026 12:00:00 GMT', MAX],
    ['soon', null],
    ['', null],
  ];
  for (const [header, ms] of rows) {
    it(`${JSON.stringify(header)} is ${ms} ms`, () => assert.equal(retryAfterMs(header, NOW, MAX), ms));
  }
});
