import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeDifference } from '../../../src/istio/configuration/difference.ts';
import type { VmInputs } from '../../../src/istio/configuration/inputs.ts';
import { renderVmFiles } from '../../../src/istio/configuration/render.ts';
import type { ReleaseConfiguration } from '../../../src/istio/release.ts';
import { annotated, someGroup, someInputs } from './cases.ts';

function configuration(changes: Partial<VmInputs> = {}, sidecarEnv = ''): ReleaseConfiguration {
  const { clusterEnv, mesh, hosts, rootCert } = renderVmFiles(someInputs(changes));
  return { clusterEnv, mesh, hosts, rootCert, sidecarEnv };
}

function group(template: Record<string, unknown>, labels: Record<string, string> = {}) {
  return { workloadGroup: someGroup({ template, metadata: { labels } }) };
}

describe('the difference of two configurations in words', () => {
  const table: [what: string, before: ReleaseConfiguration, after: ReleaseConfiguration, sentences: string[]][] = [
    ['nothing', configuration(), configuration(), []],
    [
      'a port more',
      configuration(group({ ports: { http: 80 } })),
      configuration(group({ ports: { http: 80, admin: 8080 } })),
      ['inbound ports: 8080 added'],
    ],
    [
      'a port instead of all',
      configuration(),
      configuration(group({ ports: { http: 80 } })),
      ['inbound ports: * to 80'],
    ],
    [
      'a name of a port',
      configuration(group({ ports: { http: 80 } })),
      configuration(group({ ports: { web: 80 } })),
      ['names of the ports: changed'],
    ],
    [
      'labels',
      configuration(group({}, { app: 'a', team: 'x', old: '1' })),
      configuration(group({}, { app: 'a', team: 'y', new: '2' })),
      ['label new: 2 added', 'label old: 1 removed', 'label team: x to y'],
    ],
    [
      'another revision',
      configuration({ mesh: '' }),
      configuration({ mesh: '', revision: '1-31-1' }),
      [
        'CA address: istiod-canary.istio-system.svc:15012 to istiod-1-31-1.istio-system.svc:15012',
        'discovery address: istiod-canary.istio-system.svc:15012 to istiod-1-31-1.istio-system.svc:15012',
        'hosts line: 10.77.0.1 istiod-canary.istio-system.svc to 10.77.0.1 istiod-1-31-1.istio-system.svc',
      ],
    ],
    [
      'a field of the mesh file, and a key of both files once',
      configuration(),
      configuration({
        workloadGroup: annotated('{concurrency: 2, tracing: {sampling: 5}, proxyMetadata: {ENVOY_PORT: "15001"}}'),
      }),
      ['ENVOY_PORT: 15001 added', 'concurrency: 2 added', 'tracing.sampling: 5 added'],
    ],
    ['the root certificate', configuration(), configuration({ rootCert: 'other' }), ['root certificate: changed']],
    [
      'sidecar.env',
      configuration({}, 'ISTIO_SVC_IP=b\n'),
      configuration({}, 'ISTIO_SVC_IP=c\nB=$X\n'),
      ['sidecar.env address of this machine (ISTIO_SVC_IP): b to c', 'sidecar.env: other lines changed'],
    ],
  ];
  for (const [what, before, after, sentences] of table) {
    it(`says what it is: ${what}`, () => assert.deepEqual(describeDifference(before, after), sentences));
  }

  it('cuts long values', () => {
    const labelled = (value: string) => configuration(group({}, { note: value, lines: `a\n${value.length}` }));
    assert.deepEqual(describeDifference(labelled('a'.repeat(500)), labelled(`${'a'.repeat(500)}b`)), [
      'label lines: a 500 to a 501',
      `label note: ${'a'.repeat(40)}... (500 characters) to ${'a'.repeat(40)}... (501 characters)`,
    ]);
  });

  it('tells no value of an unknown setting, with any name and in any file', () => {
    const keys = ['STRIPE_KEY', 'DB_PASS', 'BASIC_AUTH', 'DB_DSN', 'MY_TOKEN', 'FOO', 'ISTIO_META_ANY', 'XDS_HEADER_X'];
    const local = (value: string) => {
      const mesh = {
        runtimeValues: { key: value },
        tracing: { lightstep: { address: value, accessToken: value } },
        readinessProbe: { exec: { command: [value] } },
        proxyMetadata: { DB_URL: value },
        caCertificatesPem: [value],
      };
      const env = Object.fromEntries(keys.map((key) => [key, value]));
      const files = renderVmFiles(someInputs(), { env, mesh });
      return { ...files, sidecarEnv: `SIDECAR_DSN='${value}'\n` };
    };
    for (const [before, after, what] of [
      [local('old'), local('hunter2'), 'changed'],
      [configuration(), local('hunter2'), 'added'],
      [local('hunter2'), configuration(), 'removed'],
    ] as const) {
      const sentences = describeDifference(before, after);
      for (const key of [...keys, 'DB_URL', 'sidecar.env SIDECAR_DSN', 'runtimeValues.key']) {
        assert.ok(sentences.includes(`${key}: ${what}`), `${key} in ${sentences.join('; ')}`);
      }
      assert.doesNotMatch(sentences.join('\n'), /hunter2|\bold\b/);
    }
  });

  it('tells none in an error either: a password of digits is a number to YAML', () => {
    const workloadGroup = annotated('proxyMetadata: {ISTIO_META_PIN: 271828}');
    assert.throws(
      () => renderVmFiles(someInputs({ workloadGroup })),
      ({ message }: Error) => message.includes('ISTIO_META_PIN: it is a number') && !message.includes('271828'),
    );
  });

  it('says nothing of the certificate that is not ours', () => {
    assert.deepEqual(describeDifference({ ...configuration(), rootCert: null }, configuration()), []);
  });
});
