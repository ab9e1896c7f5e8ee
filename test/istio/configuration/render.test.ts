import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostsLine } from '../../../src/istio/configuration/gateway.ts';
import { readGoYaml } from '../../../src/istio/configuration/go/go-yaml.ts';
import { renderVmFiles } from '../../../src/istio/configuration/render.ts';
import { annotated, asJson, someGroup, someInputs } from './cases.ts';

function defaultConfigOf(mesh: string): Record<string, unknown> {
  return (asJson(readGoYaml(mesh, 'it')) as { defaultConfig: Record<string, unknown> }).defaultConfig;
}

describe('a rendered configuration', () => {
  it('has the ports in the order of their names, by bytes', () => {
    const workloadGroup = someGroup({ template: { ports: { b: 1, B: 2, 'a-b': 3, a: 4, é: 5, '': 6 } } });
    const { clusterEnv } = renderVmFiles(someInputs({ workloadGroup }));
    assert.match(clusterEnv, /^ISTIO_INBOUND_PORTS='6,2,4,3,1,5'$/m);
    assert.match(clusterEnv, /^ISTIO_META_POD_PORTS='\[\{"containerPort":6,"protocol":""\},\{"name":"B",/m);
  });

  it('is the same text for the same objects in another order', () => {
    const mesh = (config: string) => renderVmFiles(someInputs({ mesh: `defaultConfig: {${config}}` })).mesh;
    assert.equal(
      mesh('runtimeValues: {a: "1", b: "2"}, concurrency: 1'),
      mesh('concurrency: 1, runtimeValues: {b: "2", a: "1"}'),
    );
  });

  it('has every string of the mesh file in double quotes', () => {
    const { mesh } = renderVmFiles(
      someInputs({ workloadGroup: annotated('runtimeValues: {"on": "0o17"}\nconcurrency: 2') }),
    );
    assert.match(mesh, /^ {4}"on": "0o17"$/m);
    assert.match(mesh, /^ {2}"concurrency": 2$/m);
    for (const line of mesh.trim().split('\n')) assert.match(line, /^ *"[^"]+":(?: (?:".*"|\d+))?$/);
  });

  it('keeps labels named like the parts of an object', () => {
    const labels = JSON.parse('{"__proto__": "p", "constructor": "c", "1": "one", "a": "b"}') as Record<string, string>;
    const { clusterEnv } = renderVmFiles(someInputs({ workloadGroup: someGroup({ metadata: { labels } }) }));
    assert.ok(clusterEnv.includes('{"1":"one","__proto__":"p","a":"b","constructor":"c","service.istio.io/'));
  });

  it('has the path of Envoy that is asked for, over what the mesh says', () => {
    const inputs = someInputs({ mesh: 'defaultConfig: {binaryPath: /mesh/envoy}' });
    assert.equal(defaultConfigOf(renderVmFiles(inputs).mesh).binaryPath, '/mesh/envoy');
    const { mesh } = renderVmFiles(inputs, undefined, { binaryPath: '@release@/bin/envoy' });
    assert.equal(defaultConfigOf(mesh).binaryPath, '@release@/bin/envoy');
  });
});

describe('the hosts line', () => {
  it('is empty when the gateway has a host name, which is named instead', () => {
    const gateway = { status: { loadBalancer: { ingress: [{ hostname: 'lb.example.com' }] } } };
    const files = renderVmFiles(someInputs({ gateway }));
    assert.deepEqual([files.hosts, files.gatewayHostname], ['', 'lb.example.com']);
    assert.equal(hostsLine('192.0.2.7', files.istiodHost), '192.0.2.7 istiod-canary.istio-system.svc\n');
  });

  it('names no host where there is an address', () => {
    const gateway = { status: { loadBalancer: { ingress: [{ hostname: 'lb.example.com', ip: '192.0.2.1' }] } } };
    assert.equal(renderVmFiles(someInputs({ gateway })).gatewayHostname, null);
    assert.equal(renderVmFiles(someInputs({ gateway: null })).gatewayHostname, null);
  });
});

describe("agent.yaml's istio.env and istio.mesh", () => {
  it('come last', () => {
    const local = {
      env: { ISTIO_SERVICE_CIDR: '10.0.0.0/8', OWN: 'a b' },
      mesh: {
        statusPort: 15099,
        proxyMetadata: { ISTIO_META_NETWORK: 'n' },
        readinessProbe: { tcpSocket: { port: 1 } },
      },
    };
    const files = renderVmFiles(someInputs(), local);
    assert.match(files.clusterEnv, /^ISTIO_SERVICE_CIDR='10\.0\.0\.0\/8'$/m);
    assert.match(files.clusterEnv, /^OWN='a b'$/m);
    // What the env file says of the mesh follows the merged mesh.
    assert.match(files.clusterEnv, /^ISTIO_LOCAL_EXCLUDE_PORTS='22,15090,15021,15099'$/m);
    assert.match(files.clusterEnv, /^ISTIO_META_NETWORK='n'$/m);
    const config = defaultConfigOf(files.mesh);
    assert.equal(config.statusPort, 15099);
    assert.deepEqual(config.readinessProbe, { tcpSocket: { port: 1 } });
    assert.equal((config.proxyMetadata as Record<string, unknown>).ISTIO_META_WORKLOAD_NAME, 'shop');
  });

  it('are refused for what Istio does not know, and for an Envoy beside the release', () => {
    const render = (mesh: Record<string, unknown>, binaryPath?: string) => () =>
      renderVmFiles(someInputs(), { env: {}, mesh }, binaryPath === undefined ? {} : { binaryPath });
    assert.throws(render({ concurency: 2 }), { code: 'SMM303', message: /istio\.mesh\.concurency/ });
    assert.throws(render({ proxyMetadata: { 'A-B': 'x' } }), { code: 'SMM305' });
    assert.throws(render({ binaryPath: '/x' }, '@release@/bin/envoy'), { code: 'SMM305' });
    assert.doesNotThrow(render({ binaryPath: '/x' }));
  });
});

describe('objects that cannot be used', () => {
  const table: [what: string, changes: Parameters<typeof someInputs>[0], code: string][] = [
    ['a group without a name', { workloadGroup: { metadata: { namespace: 'a' }, spec: {} } }, 'SMM301'],
    [
      'an annotation that is no string',
      { workloadGroup: someGroup({}, { 'proxy.istio.io/config': 5 as never }) },
      'SMM301',
    ],
    ['a label that is no string', { workloadGroup: someGroup({ metadata: { labels: { a: 1 } } }) }, 'SMM303'],
    ['a port out of range', { workloadGroup: someGroup({ template: { ports: { a: -1 } } }) }, 'SMM303'],
    ["no injector's values", { injectorValues: null }, 'SMM301'],
    ['a mesh that is no YAML', { mesh: 'a: [' }, 'SMM302'],
    ['a trust domain that is no string', { mesh: 'trustDomain: 5' }, 'SMM303'],
    ['two addresses', { internalIP: '10.0.0.1', externalIP: '1.1.1.1' }, 'SMM303'],
  ];
  for (const [what, changes, code] of table) {
    it(`are refused: ${what}`, () =>
      assert.throws(() => renderVmFiles(someInputs(changes)), { name: 'AgentError', code }));
  }
});
