import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { readGoYaml } from '../../../src/istio/vm-config/go-yaml.ts';
import { VmInputs } from '../../../src/istio/vm-config/inputs.ts';
import { renderVmFiles } from '../../../src/istio/vm-config/render.ts';
import { readCases } from './cases.ts';

interface Case {
  id: string;
  in: unknown;
  out: { clusterEnv: string; mesh: string; hosts: string; rootCert: string };
  error?: string;
  deviation?: string;
}

/**
 * Its annotation has the keys `1` and `1.5`. istioctl writes `1='x'`, which is no assignment to bash but a command of that name:
 * under `set -e` Istio does not start, and a program `1=x` in the PATH would run. design.md, section 3, refuses such keys.
 */
const REFUSED_TOO = 'ann spec: proxyMetadata quoted yes';

describe('the files of istioctl x workload entry configure', () => {
  for (const one of readCases<Case>('istioctl-cases.jsonl')) {
    const deviation = one.id === REFUSED_TOO ? 'refused: key 1' : one.deviation;
    it(`${one.id}${deviation === undefined ? '' : ` (${deviation})`}`, () => {
      const render = () => renderVmFiles(VmInputs.parse(one.in));
      if (deviation?.startsWith('refused')) assert.throws(render, { code: 'SMM304' });
      else if (deviation?.startsWith('accepted')) assert.doesNotThrow(render);
      else if (one.error !== undefined) assert.throws(render, { name: 'AgentError', code: /^SMM30[1235]$/ });
      else compare(render(), one, deviation);
    });
  }
});

function compare(files: ReturnType<typeof renderVmFiles>, { out }: Case, deviation: string | undefined): void {
  const expected = deviation === undefined ? out.clusterEnv : quoteBackslashes(out.clusterEnv);
  assert.equal(withSortedPorts(files.clusterEnv), withSortedPorts(expected));
  assert.deepEqual(readGoYaml(files.mesh, 'ours'), readGoYaml(unfolded(out.mesh), 'theirs'));
  assert.deepEqual(parse(files.mesh, { version: '1.1' }), parse(files.mesh, { version: '1.2' }));
  assert.equal(files.hosts, out.hosts);
  assert.equal(files.rootCert, out.rootCert);
}

/** istioctl's own order of the ports is that of a Go map: random. Ours, by the ports' names, is tested in render.test.ts. */
function withSortedPorts(env: string): string {
  return env.replace(/^(ISTIO_INBOUND_PORTS=')([\d,]+)/m, (_match, start: string, ports: string) => {
    return start + ports.split(',').toSorted().join(',');
  });
}

function quoteBackslashes(env: string): string {
  return env.replaceAll(/^(\w+)=([^'\n]*\\[^'\n]*)$/gm, "$1='$2'");
}

/** Go's emitter breaks and indents lines at U+2028 and U+2029, as YAML 1.1 may; the library reads YAML 1.2, where they are characters. */
function unfolded(mesh: string): string {
  return mesh.replaceAll(/([\u2028\u2029]) +/g, '$1');
}
