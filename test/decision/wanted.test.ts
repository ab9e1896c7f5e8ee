/** Which of the control plane's objects a machine needs: hardly any if it keeps its own configuration. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Wanted, wantedRelease } from '../../src/decision/wanted.ts';
import type { VmInputs } from '../../src/istio/configuration/inputs.ts';
import { describeStatus } from '../../src/status/describe.ts';
import { annotated, someInputs } from '../istio/configuration/cases.ts';
import { CONFIGURATION, config, observed, SAME } from '../support/observed.ts';

interface Asked {
  inputs: VmInputs;
  kind?: 'keep' | 'render';
  /** Revision of the machine's own configuration; `canary` is wanted. */
  from?: string;
  env?: Record<string, string>;
}

function wanted({ inputs, kind = 'keep', from = 'canary', env = {} }: Asked): Promise<Wanted> {
  const given = config();
  return wantedRelease({
    target: { answer: 'wanted', revision: { asked: 'canary', name: 'canary' }, istioVersion: '1.31.1', inputs },
    config: { ...given, istio: { ...given.istio, configuration: kind, env } },
    isAdopted: true,
    own: { revision: from, configuration: CONFIGURATION },
    knownHosts: [],
    activeLink: '/opt/smm-agent/istio/active',
    names: { clusterEnv: 'cluster.env', sidecarEnv: 'sidecar.env' },
    resolve: () => Promise.resolve([]),
  });
}

function lacking(what: Partial<NonNullable<VmInputs['lacking']>>): VmInputs {
  return someInputs({ ...Object.fromEntries(Object.keys(what).map((key) => [key, null])), lacking: what });
}

const UNUSABLE: [what: string, inputs: VmInputs, warning: RegExp, inMove: 'goes on' | RegExp][] = [
  [
    'no root certificate of istiod (istio-csr, ClusterTrustBundle)',
    lacking({ rootCert: 'ConfigMap istio-ca-root-cert is not in namespace vms: istiod makes it' }),
    /^ConfigMap istio-ca-root-cert is not in namespace vms/,
    'goes on',
  ],
  [
    'no ConfigMap of the injector (omitSidecarInjectorConfigMap)',
    lacking({ injectorValues: 'ConfigMap istio-sidecar-injector is not in namespace istio-system' }),
    /^ConfigMap istio-sidecar-injector is not/,
    'goes on',
  ],
  [
    'no ConfigMap of the mesh',
    lacking({ mesh: 'ConfigMap istio is not in namespace istio-system' }),
    /^ConfigMap istio is not in namespace istio-system/,
    /^ConfigMap istio is not in namespace istio-system$/,
  ],
  [
    'a refused key mesh-wide',
    someInputs({ mesh: 'defaultConfig: {proxyMetadata: {HOME: /root}}' }),
    /cannot accept key "HOME" in the mesh configuration/,
    'goes on',
  ],
  [
    'a refused key in the WorkloadGroup',
    someInputs({ workloadGroup: annotated({ proxyMetadata: { TMPDIR: '/x' } }) }),
    /cannot accept key "TMPDIR"/,
    'goes on',
  ],
  [
    'broken YAML in the WorkloadGroup',
    someInputs({ workloadGroup: annotated('a: [') }),
    /cannot read annotation .* as YAML/,
    /cannot read annotation .* as YAML/,
  ],
  [
    'an address that would be evaluated',
    someInputs({ workloadGroup: annotated({ discoveryAddress: 'a:1\nbinaryPath: /x' }), mesh: 'trustDomain: 5' }),
    /trustDomain/,
    /cannot accept the value of discoveryAddress/,
  ],
];

describe('a machine that keeps its own configuration', () => {
  for (const [what, inputs, warning, inMove] of UNUSABLE) {
    it(`goes on with a warning: ${what}`, async () => {
      const found = await wanted({ inputs });
      assert.ok(found.answer === 'release', JSON.stringify(found));
      assert.match(found.warnings?.join() ?? '', warning);
      assert.deepEqual(found.configuration, (await release({ inputs: someInputs() })).configuration);
      assert.ok(statusOf(found).warnings.some((sentence) => warning.test(sentence)));
    });

    it(`${inMove === 'goes on' ? 'moves' : 'does not move'} to another revision: ${what}`, async () => {
      const found = await wanted({ inputs, from: 'default' });
      if (inMove !== 'goes on') {
        assert.ok(found.answer === 'nothing');
        assert.match(found.reason, inMove);
        return;
      }
      assert.ok(found.answer === 'release', JSON.stringify(found));
      assert.match(found.configuration.hosts, /istiod-canary\.istio-system\.svc$/m);
    });

    it(`is needed for rendering: ${what}`, async () => {
      assert.equal((await wanted({ inputs, kind: 'render' })).answer, 'nothing');
    });
  }

  it('has no warning if all objects are valid', async () => {
    assert.deepEqual((await release({ inputs: someInputs() })).warnings, []);
  });

  it('has no warning about a key that its own istio.env sets', async () => {
    const inputs = someInputs({ workloadGroup: annotated({ proxyMetadata: { TMPDIR: '/x' } }) });
    const found = await release({ inputs, env: { TMPDIR: '/var/tmp' } });
    assert.deepEqual(found.warnings, []);
    assert.match(found.configuration.clusterEnv, /^TMPDIR='\/var\/tmp'$/m);
  });
});

describe('a machine that is rendered', () => {
  it('overrides a refused key by its own istio.env', async () => {
    const inputs = someInputs({ mesh: 'defaultConfig: {proxyMetadata: {HOME: /root}}' });
    const found = await release({ inputs, kind: 'render', env: { HOME: '/var/lib/istio' } });
    assert.match(found.configuration.clusterEnv, /^HOME='\/var\/lib\/istio'$/m);
    assert.doesNotMatch(found.configuration.mesh, /HOME/);
  });
});

async function release(asked: Asked): Promise<Extract<Wanted, { answer: 'release' }>> {
  const found = await wanted(asked);
  assert.ok(found.answer === 'release', JSON.stringify(found));
  return found;
}

function statusOf(found: Wanted) {
  return describeStatus({
    pid: 1,
    workloadGroup: config().workloadGroup,
    observation: observed(),
    target: { answer: 'missing', reason: 'not asked' },
    wanted: found,
    agentWanted: SAME,
    decision: { steps: [], notDone: [], wantedId: null },
    failures: [],
    warnings: [],
    nextPoll: null,
  });
}
