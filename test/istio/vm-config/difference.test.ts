import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ReleaseConfiguration } from '../../../src/istio/release.ts';
import { describeDifference } from '../../../src/istio/vm-config/difference.ts';
import type { VmInputs } from '../../../src/istio/vm-config/inputs.ts';
import { renderVmFiles } from '../../../src/istio/vm-config/render.ts';
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
        workloadGroup: annotated('{concurrency: 2, tracing: {sampling: 5}, proxyMetadata: {FOO: "bar"}}'),
      }),
      ['FOO: bar added', 'concurrency: 2 added', 'tracing.sampling: 5 added'],
    ],
    ['the root certificate', configuration(), configuration({ rootCert: 'other' }), ['root certificate: changed']],
    [
      'sidecar.env',
      configuration({}, 'A=b\n'),
      configuration({}, 'A=c\nB=$X\n'),
      ['sidecar.env A: b to c', 'sidecar.env: other lines changed'],
    ],
  ];
  for (const [what, before, after, sentences] of table) {
    it(`says what it is: ${what}`, () => assert.deepEqual(describeDifference(before, after), sentences));
  }

  it('prints neither long values nor secrets, nor line ends', () => {
    const render = (metadata: Record<string, string>) =>
      configuration({ workloadGroup: annotated({ proxyMetadata: metadata }) });
    const before = render({ MY_TOKEN: 'sesame', LONG: 'a'.repeat(500), LINES: 'a\nb' });
    const after = render({ MY_TOKEN: 'opensesame', LONG: `${'a'.repeat(500)}b`, LINES: 'a\nc' });
    const sentences = describeDifference(before, after);
    assert.deepEqual(sentences, [
      'LINES: a b to a c',
      `LONG: ${'a'.repeat(40)}... (500 characters) to ${'a'.repeat(40)}... (501 characters)`,
      'MY_TOKEN: changed',
    ]);
  });

  it('says nothing of the certificate that is not ours', () => {
    assert.deepEqual(describeDifference({ ...configuration(), rootCert: null }, configuration()), []);
  });
});
