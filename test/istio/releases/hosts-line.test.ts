import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { istiodLine } from '../../../src/istio/releases/hosts-line.ts';

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
