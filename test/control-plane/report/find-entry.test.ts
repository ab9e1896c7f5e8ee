import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { WorkloadEntry } from '../../../src/control-plane/report/entry-report.ts';
import { autoRegisteredName, findEntry, GROUP_LABEL } from '../../../src/control-plane/report/find-entry.ts';

const LABELS = { app: 'reviews' };
const known = { addresses: ['10.0.0.5', 'fd00::5'], network: 'net-1', groupLabels: LABELS };

function entry(name: string, spec: object, marks: { labels?: object; annotations?: object } = {}): WorkloadEntry {
  return WorkloadEntry.parse({ metadata: { name, uid: name, resourceVersion: '1', ...marks }, spec });
}

describe('the name that istiod gives', () => {
  it('is group, address and network', () => {
    assert.equal(autoRegisteredName('reviews', '10.0.0.5', null), 'reviews-10.0.0.5');
    assert.equal(autoRegisteredName('reviews', '10.0.0.5', ''), 'reviews-10.0.0.5');
    assert.equal(autoRegisteredName('reviews', 'fd00::5', 'net-1'), 'reviews-fd00--5-net-1');
  });

  it('is the last 253 characters of that, for any parts', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z0-9-]{1,253}$/),
        fc.ipV6(),
        fc.stringMatching(/^[a-z0-9-]{0,63}$/),
        (group, ip, network) => {
          const name = autoRegisteredName(group, ip, network);
          assert.ok(name.length <= 253 && !name.includes(':'));
          assert.ok(name.endsWith(network));
        },
      ),
    );
  });
});

describe("a machine's entry", () => {
  const here = { address: '10.0.0.5', labels: LABELS };
  const rows: [what: string, entries: WorkloadEntry[], found: string | null | string[]][] = [
    ['has its address and the labels of its group', [entry('a', here)], 'a'],
    ['may have its second address', [entry('a', { ...here, address: 'fd00::5' })], 'a'],
    ['may spell an IPv6 address otherwise', [entry('a', { ...here, address: 'FD00:0:0::0005' })], 'a'],
    ['has no other address', [entry('a', { ...here, address: '10.0.0.6' })], null],
    ['has no other network', [entry('a', { ...here, network: 'net-2' })], null],
    ['may have its network', [entry('a', { ...here, network: 'net-1' })], 'a'],
    ['has all labels of the group', [entry('a', { address: '10.0.0.5', labels: { app: 'ratings' } })], null],
    ['is not one of another group', [entry('a', here, { labels: { [GROUP_LABEL]: 'ratings' } })], null],
    [
      'is not one that istiod made for another',
      [entry('a', here, { annotations: { 'istio.io/autoRegistrationGroup': 'x' } })],
      null,
    ],
    [
      'is marked rather than alike',
      [entry('a', here), entry('b', { address: '10.0.0.5' }, { labels: { [GROUP_LABEL]: 'reviews' } })],
      'b',
    ],
    ['is not guessed among several', [entry('b', here), entry('a', here)], ['a', 'b']],
    ['needs an address', [entry('a', { labels: LABELS })], null],
  ];
  for (const [what, entries, found] of rows) {
    it(what, () => {
      const answer = findEntry(entries, 'reviews', known);
      if (found === null) assert.deepEqual(answer, { answer: 'none' });
      else if (typeof found === 'string') assert.deepEqual(answer, { answer: 'found', name: found });
      else assert.deepEqual(answer, { answer: 'ambiguous', names: found });
    });
  }

  it('is never one without a mark when the group has no labels', () => {
    assert.deepEqual(findEntry([entry('a', here)], 'reviews', { ...known, groupLabels: {} }), { answer: 'none' });
  });
});
