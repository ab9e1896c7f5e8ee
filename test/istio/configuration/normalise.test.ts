import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readGoYaml } from '../../../src/istio/configuration/go/go-yaml.ts';
import { normalise } from '../../../src/istio/configuration/go/normalise.ts';
import { PROXY_CONFIG } from '../../../src/istio/configuration/go/schema.ts';
import { ownMetadata } from '../../../src/istio/configuration/proxy-metadata.ts';
import { renderVmFiles } from '../../../src/istio/configuration/render.ts';
import { readWorkloadGroup } from '../../../src/istio/configuration/workload-group.ts';
import { asJson, readCases, someGroup, someInputs } from './cases.ts';

interface Case {
  mesh?: string;
  /** Annotation of the group's metadata, and of spec.metadata. */
  group?: string;
  spec?: string;
  revision?: string | null;
  config: Record<string, unknown>;
  error?: string;
}

const MESH = 'defaultConfig: {discoveryAddress: "istiod.istio-system.svc:15012", proxyMetadata: {}}';

// Made with Istio's own protomarshal.ApplyYAML and ToJSONMap (istio.io/istio at 1.31), from generated texts.
describe('a ProxyConfig as protobuf normalises it', () => {
  for (const [index, recorded] of readCases<Case>('normalising-cases.jsonl').entries()) {
    const one = withKnownKeys(recorded);
    const texts = [one.mesh, one.group, one.spec].filter((text) => text !== undefined).join(' / ');
    it(`${index}: ${JSON.stringify(texts)}`, () => {
      if (one.error === undefined) assert.deepEqual(rendered(one), one.config);
      else assert.throws(() => rendered(one), { name: 'AgentError', code: /^SMM30[23]$/ }, one.error);
    });
  }
});

describe('an error of a field', () => {
  const table: [text: string, message: RegExp][] = [
    [
      'tracing: {customTags: {a: {literal: {value: 5}}}}',
      /^cannot use ann\.tracing\.customTags\.a\.literal\.value: it is a number/,
    ],
    ['extraStatTags: [a, {}]', /^cannot use ann\.extraStatTags\[1\]: it is a map, not a string/],
    ['statusPort: 99999999999', /^cannot use ann\.statusPort: 99999999999 is not between -2147483648 and 2147483647/],
    ['interceptionMode: tproxy', /^cannot use ann\.interceptionMode: "tproxy" is not one of NONE, REDIRECT, TPROXY/],
    ['drainDuration: 5', /^cannot use ann\.drainDuration: it is 5, not a duration such as 1m30s/],
    ['holdApplicationUntilProxyStarts: "true"', /^cannot use ann\.holdApplicationUntilProxyStarts: it is "true"/],
    ['[]', /^cannot use ann: it is a list, not a map/],
  ];
  for (const [text, message] of table) {
    it(`names the path: ${text}`, () => {
      assert.throws(() => normalise(PROXY_CONFIG, readGoYaml(text, 'ann'), 'ann'), { code: 'SMM303', message });
    });
  }

  it("is an unknown field too, where it is the operator's own", () => {
    const value = readGoYaml('{tracing: {samplng: 1}}', 'ann');
    assert.equal(normalise(PROXY_CONFIG, value, 'ann').size, 1);
    const message = /^cannot use istio\.mesh\.tracing\.samplng: Istio 1\.31 knows no such field/;
    assert.throws(() => normalise(PROXY_CONFIG, value, 'istio.mesh', 'reject'), { code: 'SMM303', message });
  });
});

/**
 * The same case with keys of node metadata, since others are refused. Where the point is a key such as `true`, or a
 * value with a line end, the annotation's map is another one of strings: runtimeValues.
 */
function withKnownKeys(one: Case): Case {
  const { proxyMetadata = {}, ...config } = (one.config ?? {}) as { proxyMetadata?: Record<string, string> };
  const isOdd = Object.entries(proxyMetadata).some(([key, value]) => !/^[ABCM]$/.test(key) || value.includes('\n'));
  const text = (given: string) => {
    if (!/proxy_?metadata/i.test(given)) return given;
    return isOdd && !given.includes('{M: m}')
      ? given.replaceAll('proxyMetadata', 'runtimeValues')
      : given.replaceAll(/\b[ABCM](?=["']?:)/g, 'ISTIO_META_$&');
  };
  const maps: Record<string, Record<string, string>> = {};
  for (const [key, value] of Object.entries(proxyMetadata)) {
    const [field, name] = isOdd && key !== 'M' ? ['runtimeValues', key] : ['proxyMetadata', `ISTIO_META_${key}`];
    maps[field] = { ...maps[field], [name]: value };
  }
  const texts = Object.entries(one).map(([key, value]) => [key, typeof value === 'string' ? text(value) : value]);
  return { ...(Object.fromEntries(texts) as Case), config: { ...config, ...maps } };
}

/** The rendered defaultConfig without the metadata that every group gets. */
function rendered({ mesh = MESH, group, spec, revision = 'r1' }: Case): unknown {
  const annotation = (text: string | undefined) => (text === undefined ? {} : { 'proxy.istio.io/config': text });
  const workloadGroup = someGroup({ metadata: { annotations: annotation(spec) } }, annotation(group));
  const files = renderVmFiles(
    someInputs({ workloadGroup, mesh, revision, istioNamespace: 'fuzz-istio', autoRegister: false }),
  );
  const { defaultConfig } = asJson(readGoYaml(files.mesh, 'ours')) as { defaultConfig: Record<string, unknown> };
  const own = ownMetadata({
    group: readWorkloadGroup(workloadGroup),
    trustDomain: '',
    clusterName: '',
    meshId: '',
    captureDNS: true,
    autoRegister: false,
  });
  const { proxyMetadata, ...others } = defaultConfig;
  const foreign = Object.entries(proxyMetadata as object).filter(([key]) => !own.has(key));
  return foreign.length === 0 ? others : { ...others, proxyMetadata: Object.fromEntries(foreign) };
}
