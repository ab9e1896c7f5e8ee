import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { istiodLine, lookForLine } from '../../../src/istio/releases/hosts-line.ts';

const HOSTS = `127.0.0.1 localhost
# 10.0.0.1 istiod.istio-system.svc
10.0.0.2\tistiod.istio-system.svc   gateway # of the old revision
fd00::3 web istiod-canary.istio-system.svc
`;

describe("istiod's line in /etc/hosts", () => {
  for (const [host, line] of [
    ['istiod.istio-system.svc', '10.0.0.2 istiod.istio-system.svc\n'],
    ['istiod-canary.istio-system.svc', 'fd00::3 istiod-canary.istio-system.svc\n'],
    ['istiod-prod.istio-system.svc', ''],
    [null, '10.0.0.2 istiod.istio-system.svc\n'],
  ] as const) {
    it(`of ${host ?? 'a host that is not known'} is ${JSON.stringify(line)}`, () =>
      assert.equal(istiodLine(HOSTS, host), line));
  }

  it('is empty in a file without one', () => assert.equal(istiodLine('127.0.0.1 localhost\n', null), ''));
});

describe('the line of a release in /etc/hosts', () => {
  const [line, host] = ['10.0.0.2 istiod.istio-system.svc', 'istiod.istio-system.svc'];
  for (const [what, hosts, expected] of [
    ['is there', HOSTS, { answer: 'there' }],
    ['is missing in a file that was written again', '127.0.0.1 localhost\n', { answer: 'missing', line }],
    ['is missing when it is a comment', `# ${line}\n`, { answer: 'missing', line }],
    ['is not that of a longer name', `10.0.0.2 ${host}.cluster.local\n`, { answer: 'missing', line }],
    ['has lost to one before it', `10.0.0.9 ${host}\n${line}\n`, { answer: 'other', line, address: '10.0.0.9' }],
  ] as const) {
    it(what, () => assert.deepEqual(lookForLine(hosts, `${line}\n`), expected));
  }

  it('is not missed by a release without one', () => assert.deepEqual(lookForLine('', ''), { answer: 'there' }));
});
