/**
 * Statuses that a thief of a token would try: a status as the agent writes it, with fields removed or added, or with
 * values that look right to one reader and wrong to another.
 */
import fc from 'fast-check';

/** Values that JSON schemas, CEL, Go's JSON and Go's protobuf read in different ways. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 2 ** 53, 1e21, '', 'x', '0', '-0', '1e3', 'null', [], {}, ['x'], {
    x: 1,
  }),
  fc.constantFrom(
    '\u0000',
    '\u2028',
    '\ufeff',
    '\ud800',
    '\u{1F600}',
    'a\nb',
    'True\n',
    ' True',
    'true',
    'TRUE',
    'SMM0001',
  ),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.integer({ min: 1, max: 20_000 }).map((length) => 'x'.repeat(length)),
);

const pad = (value: number, length = 2) => String(value).padStart(length, '0');
/** Times of which many exist on no calendar or clock, in forms of which many are no RFC 3339. */
const time = fc
  .record({
    year: fc.oneof(fc.integer({ min: 2000, max: 2099 }), fc.constantFrom(0, 1, 1999, 2100, 9999, 10_000, 12_026)),
    month: fc.integer({ min: 0, max: 13 }),
    day: fc.integer({ min: 0, max: 32 }),
    hour: fc.integer({ min: 0, max: 24 }),
    minute: fc.integer({ min: 0, max: 60 }),
    second: fc.integer({ min: 0, max: 61 }),
    form: fc.constantFrom(
      'T Z',
      'T Z',
      'T Z',
      'T Z',
      't z',
      'T z',
      '_ Z',
      'T ',
      'T +02:00',
      'T -24:00',
      'T .5Z',
      'T ,5Z',
      'T .1234567890Z',
    ),
  })
  .map(({ year, month, day, hour, minute, second, form }) => {
    const [between = '', end = ''] = form.split(' ');
    return `${pad(year, 4)}-${pad(month)}-${pad(day)}${between}${pad(hour)}:${pad(minute)}:${pad(second)}${end}`;
  });
const right = fc.date({ min: new Date('2000-01-01'), max: new Date('2099-12-31'), noInvalidDate: true });
const rightTime = right.map((date) => `${date.toISOString().slice(0, 19)}Z`);

const condition = fc.record({
  type: fc.constantFrom('SmmAgent', 'IstioRestartPending'),
  status: fc.constantFrom('True', 'False', 'Unknown'),
  reason: fc.constantFrom('Ready', 'Staged', 'UpToDate'),
  message: fc.oneof(
    fc.string({ unit: 'binary', maxLength: 100 }),
    fc.integer({ max: 8300, min: 8000 }).map((n) => 'é'.repeat(n)),
  ),
  lastTransitionTime: rightTime,
});
const message = fc.record({
  type: fc.record({ name: fc.constantFrom('IstioRestartPending', 'A'), code: fc.constantFrom('SMM0001', 'SMM9999') }),
  level: fc.constantFrom('ERROR', 'WARNING', 'INFO'),
  documentationUrl: fc.constantFrom(
    '',
    'https://example.com/',
    'file:///usr/share/doc/smm-agent/docs/operating.md',
    '\u0000',
  ),
});

const CONDITION_FIELDS = [
  'status',
  'reason',
  'message',
  'lastTransitionTime',
  'lastProbeTime',
  'observedGeneration',
  'x',
];
const MESSAGE_FIELDS = ['type', 'level', 'documentationUrl', 'x'];

/** The same with none, one or two of its fields taken away or given another value. */
function spoilt(of: fc.Arbitrary<Record<string, unknown>>, fields: readonly string[], value: fc.Arbitrary<unknown>) {
  const change = fc.record({ field: fc.constantFrom(...fields), value, remove: fc.boolean() });
  return fc.tuple(of, fc.array(change, { maxLength: 2 })).map(([whole, changes]) => {
    const copy: Record<string, unknown> = { ...whole };
    for (const { field, value: other, remove } of changes) {
      if (remove) delete copy[field];
      else copy[field] = other;
    }
    return copy;
  });
}

const typeOfMessage = fc.record({
  name: odd,
  code: fc.oneof(odd, fc.constantFrom('SMM0001', 'SMM1', 'SMM０００１', 'SMM0001\n')),
});

export const hostileStatus = fc.record(
  {
    conditions: fc.array(spoilt(condition, CONDITION_FIELDS, fc.oneof(odd, time, rightTime)), { maxLength: 2 }),
    validationMessages: fc.array(spoilt(message, MESSAGE_FIELDS, fc.oneof(odd, typeOfMessage)), { maxLength: 9 }),
  },
  { requiredKeys: ['conditions'] },
);
