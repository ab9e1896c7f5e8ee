import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LocalTimeFormat } from '../../packaging/local-time-format.ts';

/** The two formats that node-cron uses. */
const FORMATS: readonly Intl.DateTimeFormatOptions[] = [
  {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    weekday: 'short',
    hour12: false,
  },
  { timeZoneName: 'shortOffset' },
];

describe('LocalTimeFormat, which replaces Intl in the bundle', () => {
  for (const zone of [
    'UTC',
    'Europe/Berlin',
    'America/St_Johns',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
    'Pacific/Apia',
  ]) {
    it(`gives the same local time as Intl in ${zone}, with and without daylight saving time`, () => {
      const before = process.env.TZ;
      process.env.TZ = zone;
      try {
        const date = fc.date({ min: new Date('2015-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
        fc.assert(fc.property(date, isSame), { numRuns: 2000 });
      } finally {
        if (before === undefined) delete process.env.TZ;
        else process.env.TZ = before;
      }
    });
  }

  it('refuses every other time zone, because it would be wrong by hours', () => {
    const format = new LocalTimeFormat('en-US', { timeZone: 'Asia/Tokyo' });
    assert.throws(() => format.formatToParts(new Date()), /only the local time/);
  });
});

function isSame(date: Date): void {
  const ours = new Map(new LocalTimeFormat('en-US', {}).formatToParts(date).map(({ type, value }) => [type, value]));
  for (const options of FORMATS) {
    for (const { type, value } of new Intl.DateTimeFormat('en-US', options).formatToParts(date)) {
      // node-cron accepts 24 and 0 for midnight, GMT and GMT+0 for no offset. The second format has a date with fewer
      // digits.
      if (type === 'literal' || (type === 'hour' && value === '24')) continue;
      const [mine, theirs] = [ours.get(type), value === 'GMT+0' ? 'GMT' : value];
      if (/^\d+$/.test(theirs)) assert.equal(Number(mine), Number(theirs), type);
      else assert.equal(mine, theirs, type);
    }
  }
}
