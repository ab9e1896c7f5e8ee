import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { readGoYaml } from '../../../src/istio/configuration/go/go-yaml.ts';
import { compareUtf8 } from '../../../src/istio/configuration/go/quote.ts';
import { VmInputs } from '../../../src/istio/configuration/inputs.ts';
import { renderVmFiles } from '../../../src/istio/configuration/render.ts';
import { readCases } from './cases.ts';

interface Case {
  id: string;
  in: unknown;
  out: { clusterEnv: string; mesh: string; hosts: string; rootCert: string };
  error?: string;
  deviation?: string;
}

/** Keys that are none of Istio's: no machine takes them from the control plane (docs/vm-configuration.md). */
const FOREIGN_KEY = /\b(FOO|BAR|KEEP|MESH|A|B|V\d\d)(?=["']?:)/g;
const WITH_FOREIGN_KEYS = new Set([
  'ann group: proxyMetadata, mesh no key',
  'ann spec: proxyMetadata',
  'ann spec: proxyMetadata null value',
  // Its keys 1 and 1.5 as well: istioctl writes `1='x'`, which is no assignment to bash but a command of that name.
  'ann spec: proxyMetadata quoted yes',
  'ann spec: proxyMetadata, mesh has it',
  'ann spec: json',
  'ann spec: env values',
  'both annotations, second without metadata',
  'mesh snake',
]);
const WITH_LINE_END = new Set(["label value 'tr\\n'", "canonical-name value 'a\\nb'"]);

describe('the files of istioctl x workload entry configure', () => {
  for (const one of readCases<Case>('istioctl-cases.jsonl')) {
    const deviation = refusalOf(one.id) ?? one.deviation;
    it(`${one.id}${deviation === undefined ? '' : ` (${deviation})`}`, () => {
      const render = () => renderVmFiles(VmInputs.parse(one.in));
      if (deviation?.startsWith('refused')) assert.throws(render, { code: 'SMM304' });
      else if (deviation?.startsWith('accepted')) assert.doesNotThrow(render);
      else if (one.error !== undefined) assert.throws(render, { name: 'AgentError', code: /^SMM30[1235]$/ });
      else compare(render(), one, deviation);
    });
  }

  it('are the same for those with foreign keys, once these have names of node metadata', () => {
    let compared = 0;
    for (const one of readCases<Case>('istioctl-cases.jsonl')) {
      if (!WITH_FOREIGN_KEYS.has(one.id) || one.id.endsWith('quoted yes')) continue;
      const known = withKnownKeys(one);
      compare(renderVmFiles(VmInputs.parse(known.in)), known, one.deviation);
      compared += 1;
    }
    assert.equal(compared, WITH_FOREIGN_KEYS.size - 1);
  });
});

function refusalOf(id: string): string | undefined {
  if (WITH_FOREIGN_KEYS.has(id)) return 'refused: a foreign key';
  return WITH_LINE_END.has(id) ? 'refused: a line end in a value' : undefined;
}

/** The case with ISTIO_META_X_FOO for FOO; without V16 and V17, whose values have a line end. */
function withKnownKeys({ out, ...one }: Case): Case {
  const text = (json: string) => json.replaceAll(/"V1[67]": "[^"]*", /g, '').replaceAll(FOREIGN_KEY, 'ISTIO_META_X_$1');
  const texts = (_key: string, value: unknown) => (typeof value === 'string' ? text(value) : value);
  const mesh = out.mesh
    .replaceAll(/^ {4}V1[67]: (?:.|\n {4} |\n\n)*\n/gm, '')
    .replaceAll(/^ {4}(\w+)(?=:)/gm, (key) => text(`${key}:`).slice(0, -1));
  const env = out.clusterEnv
    .replaceAll(/^V1[67]='[^']*'\n/gm, '')
    .replaceAll(/^\w+(?==)/gm, (key) => text(`${key}:`).slice(0, -1));
  const clusterEnv = `${env.trimEnd().split('\n').toSorted(compareUtf8).join('\n')}\n`;
  return { ...one, in: JSON.parse(JSON.stringify(one.in), texts), out: { ...out, mesh, clusterEnv } };
}

function compare(files: ReturnType<typeof renderVmFiles>, { out }: Case, deviation: string | undefined): void {
  const expected = deviation === undefined ? out.clusterEnv : quoteBackslashes(out.clusterEnv);
  assert.equal(withSortedPorts(files.clusterEnv), withSortedPorts(expected));
  assert.deepEqual(readGoYaml(files.mesh, 'ours'), readGoYaml(out.mesh, 'theirs'));
  assert.deepEqual(parse(files.mesh, { version: '1.1' }), parse(files.mesh, { version: '1.2' }));
  assert.equal(files.hosts, out.hosts);
  assert.equal(files.rootCert, out.rootCert);
}

/**
 * istioctl's own order of the ports is that of a Go map: random. Ours, by the ports' names, is tested in
 * render.test.ts.
 */
function withSortedPorts(env: string): string {
  return env.replace(/^(ISTIO_INBOUND_PORTS=')([\d,]+)/m, (_match, start: string, ports: string) => {
    return start + ports.split(',').toSorted().join(',');
  });
}

function quoteBackslashes(env: string): string {
  return env.replaceAll(/^(\w+)=([^'\n]*\\[^'\n]*)$/gm, "$1='$2'");
}
