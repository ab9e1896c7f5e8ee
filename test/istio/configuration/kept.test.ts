import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AgentError } from '../../../src/base/errors.ts';
import { readGoYaml } from '../../../src/istio/configuration/go/go-yaml.ts';
import { type KeptChange, keepConfiguration } from '../../../src/istio/configuration/kept.ts';
import type { ReleaseConfiguration } from '../../../src/istio/release.ts';
import { asJson } from './cases.ts';

const BINARY = '@release@/bin/envoy';
const MOVE = {
  discoveryAddress: 'istiod-canary.istio-system.svc:15012',
  caAddress: 'istiod-canary.istio-system.svc:15012',
  hosts: '10.77.0.1 istiod-canary.istio-system.svc\n',
};
const MESH = `# our mesh, by hand
defaultConfig:
    # seconds
    discoveryAddress: istiod.istio-system.svc:15012   # the old one
    tracing: {zipkin: {address: 'z:9411'}}
    proxyMetadata:
        ISTIO_META_DNS_CAPTURE: "true"
        OLD: 010

    unknownField: yes
trustDomain: cluster.local # end
`;

function configuration(changes: Partial<ReleaseConfiguration> = {}): ReleaseConfiguration {
  return {
    clusterEnv: "# by hand\nCA_ADDR=istiod.istio-system.svc:15012\nISTIO_NAMESPACE='vms'\n",
    sidecarEnv: '# ISTIO_PILOT_PORT=15005\n',
    mesh: MESH,
    hosts: '10.77.0.1 istiod.istio-system.svc\n',
    rootCert: null,
    ...changes,
  };
}

function keep(current: ReleaseConfiguration, changes: Partial<KeptChange> = {}): ReleaseConfiguration {
  return keepConfiguration(current, { binaryPath: BINARY, local: { env: {}, mesh: {} }, ...changes });
}

describe('a hand-made configuration that stays where it is', () => {
  it('gets binaryPath, and nothing else changes by a byte', () => {
    const current = configuration();
    const line = `    binaryPath: "${BINARY}"\n`;
    const at = MESH.indexOf('    discoveryAddress');
    assert.deepEqual(keep(current), { ...current, mesh: MESH.slice(0, at) + line + MESH.slice(at) });
  });

  const meshes: [what: string, mesh: string, expected: string][] = [
    ['empty, as the package leaves it', '', `defaultConfig:\n  binaryPath: "${BINARY}"\n`],
    ['comments only', '# nothing', `# nothing\ndefaultConfig:\n  binaryPath: "${BINARY}"\n`],
    ['without defaultConfig', 'a: 1 # x\n', `defaultConfig:\n  binaryPath: "${BINARY}"\na: 1 # x\n`],
    ['an empty defaultConfig', 'defaultConfig: # x\na: 1\n', `defaultConfig: {"binaryPath":"${BINARY}"} # x\na: 1\n`],
    ['an empty map', 'defaultConfig: {}\n', `defaultConfig: {"binaryPath": "${BINARY}"}\n`],
    ['JSON', '{"defaultConfig": {"a": [1]}}', `{"defaultConfig": {"binaryPath": "${BINARY}", "a": [1]}}`],
    [
      'another binaryPath',
      'defaultConfig:\n  binaryPath: /usr/local/bin/envoy # x\n',
      `defaultConfig:\n  binaryPath: "${BINARY}" # x\n`,
    ],
    ['in snake_case', 'default_config:\n  binary_path: /x\n', `default_config:\n  binary_path: "${BINARY}"\n`],
    [
      'a key twice',
      'defaultConfig:\n  binaryPath: a\n  binaryPath: b\n',
      `defaultConfig:\n  binaryPath: a\n  binaryPath: "${BINARY}"\n`,
    ],
    [
      'line ends of Windows',
      'a: 1\r\ndefaultConfig:\r\n  b: 2\r\n',
      `a: 1\r\ndefaultConfig:\r\n  binaryPath: "${BINARY}"\r\n  b: 2\r\n`,
    ],
    [
      'a document start',
      '---\ndefaultConfig:\n  b: 2\n---\nother\n',
      `---\ndefaultConfig:\n  binaryPath: "${BINARY}"\n  b: 2\n---\nother\n`,
    ],
    [
      'a block text',
      'defaultConfig:\n  binaryPath: |-\n    /x\n  b: 2\n',
      `defaultConfig:\n  binaryPath: "${BINARY}"\n  b: 2\n`,
    ],
  ];
  for (const [what, mesh, expected] of meshes) {
    it(`may have a mesh file of this kind: ${what}`, () => {
      const kept = keep(configuration({ mesh }));
      assert.equal(kept.mesh, expected);
      assert.deepEqual(keep(kept), kept);
    });
  }

  it('is not changed where other fields would change with it', () => {
    for (const mesh of ['defaultConfig: {<<: {binaryPath: /x}}\n', 'x: &a {b: 1}\ndefaultConfig: *a\n']) {
      assert.throws(() => keep(configuration({ mesh })), { code: 'SMM306', message: /defaultConfig\.binaryPath/ });
    }
  });

  it('is not changed where Istio could not read it', () => {
    assert.throws(() => keep(configuration({ mesh: 'defaultConfig: [' })), { code: 'SMM302' });
  });
});

describe('a hand-made configuration that moves to another revision', () => {
  it('changes its addresses and its hosts line', () => {
    const current = configuration();
    const kept = keep(current, { move: MOVE });
    assert.equal(
      kept.mesh,
      MESH.replace(
        'discoveryAddress: istiod.istio-system.svc:15012',
        `binaryPath: "${BINARY}"\n    discoveryAddress: "${MOVE.discoveryAddress}"`,
      ),
    );
    assert.equal(kept.clusterEnv, `# by hand\nCA_ADDR='${MOVE.caAddress}'\nISTIO_NAMESPACE='vms'\n`);
    assert.equal(kept.hosts, MOVE.hosts);
    assert.equal(kept.sidecarEnv, current.sidecarEnv);
    assert.deepEqual(keep(kept, { move: MOVE }), kept);
  });

  it('changes PILOT_ADDRESS, which wins over the mesh file, wherever it is set', () => {
    const kept = keep(configuration({ sidecarEnv: 'PILOT_ADDRESS=old:15012\nISTIO_PILOT_PORT=1\n' }), { move: MOVE });
    assert.equal(kept.sidecarEnv, `PILOT_ADDRESS='${MOVE.discoveryAddress}'\nISTIO_PILOT_PORT=1\n`);
  });

  it('is refused while ISTIO_PILOT_PORT says where istiod is', () => {
    const message =
      'cannot take over sidecar.env:2: it sets ISTIO_PILOT_PORT, which would keep this machine on the old istiod';
    assert.throws(() => keep(configuration({ sidecarEnv: '# x\nISTIO_PILOT_PORT=15005\n' }), { move: MOVE }), {
      code: 'SMM307',
      message,
    });
  });
});

describe('PROXY_CONFIG in an env file, which wins over the mesh file', () => {
  const table: [what: string, files: Partial<ReleaseConfiguration>, message: RegExp | null][] = [
    [
      'binaryPath in cluster.env',
      { clusterEnv: "A=b\nPROXY_CONFIG='binaryPath: /x'\n" },
      /cluster\.env:2: it sets PROXY_CONFIG with binaryPath/,
    ],
    [
      'in sidecar.env',
      { sidecarEnv: "PROXY_CONFIG='{binary_path: /x}'\n" },
      /sidecar\.env:1: it sets PROXY_CONFIG with binaryPath/,
    ],
    [
      'not understood',
      { clusterEnv: 'PROXY_CONFIG="$X\nbinaryPath: /x"\n' },
      /cluster\.env:1: it sets PROXY_CONFIG with binaryPath/,
    ],
    [
      'discoveryAddress',
      { clusterEnv: "PROXY_CONFIG='discoveryAddress: old:1'\n" },
      /PROXY_CONFIG with discoveryAddress/,
    ],
    ['something else', { clusterEnv: "PROXY_CONFIG='concurrency: 1'\n" }, null],
    [
      'overridden by cluster.env',
      { clusterEnv: "PROXY_CONFIG=''\n", sidecarEnv: "PROXY_CONFIG='binaryPath: /x'\n" },
      null,
    ],
  ];
  for (const [what, files, message] of table) {
    it(`is ${message === null ? 'left alone' : 'refused, by file and line'}: ${what}`, () => {
      const take = () => keep(configuration(files), { move: MOVE });
      if (message === null) take();
      else assert.throws(take, { code: 'SMM307', message });
    });
  }

  it('may name the discovery address while the machine does not move', () => {
    const current = configuration({ clusterEnv: "PROXY_CONFIG='discoveryAddress: old:1'\n" });
    assert.equal(keep(current).clusterEnv, current.clusterEnv);
  });
});

describe("agent.yaml's own settings in a kept configuration", () => {
  it('come last, and only they and binaryPath change', () => {
    const local = {
      env: { ISTIO_AGENT_FLAGS: '--x', ISTIO_NAMESPACE: 'vms' },
      mesh: { concurrency: 2, proxyMetadata: { NEW: 'a' }, drainDuration: '1m' },
    };
    const kept = keep(configuration(), { local });
    assert.equal(kept.clusterEnv, `${configuration().clusterEnv}ISTIO_AGENT_FLAGS='--x'\n`);
    const { defaultConfig } = asJson(readGoYaml(kept.mesh, 'it')) as { defaultConfig: Record<string, unknown> };
    assert.equal(defaultConfig.concurrency, 2);
    assert.equal(defaultConfig.drainDuration, '60s');
    assert.deepEqual(defaultConfig.proxyMetadata, { ISTIO_META_DNS_CAPTURE: 'true', OLD: 8, NEW: 'a' });
    for (const line of MESH.split('\n')) assert.ok(kept.mesh.split('\n').includes(line), line);
    assert.deepEqual(keep(kept, { local }), kept);
  });

  it('are refused where they cannot be written', () => {
    const take = (mesh: Record<string, unknown>) => () => keep(configuration(), { local: { env: {}, mesh } });
    assert.throws(take({ binaryPath: '/x' }), { code: 'SMM305' });
    assert.throws(take({ concurency: 1 }), { code: 'SMM303', message: /istio\.mesh\.concurency/ });
    assert.throws(take({ statusPort: 0 }), { code: 'SMM306', message: /statusPort/ });
    assert.throws(take({ proxyMetadata: { 'A-B': 'x' } }), { code: 'SMM305' });
  });
});

describe('any mesh and env files', () => {
  it('are changed once and then stay as they are, with every other field unchanged', () => {
    const scalar = fc.constantFrom(
      'yes',
      '010',
      '"q"',
      "'s'",
      'x y',
      '~',
      '[1, a]',
      '{b: 1, c: {d: e}}',
      '',
      '# c',
      '|\n    t\n    u',
      '&a z',
      '*a',
    );
    const pair = fc.tuple(
      fc.constantFrom('a', 'b', 'binaryPath', 'binary_path', 'discoveryAddress', '"q"', '# c', '<<', '? k'),
      scalar,
    );
    const block = (indent: string) => (pairs: [string, string][]) =>
      pairs.map(([key, value]) => `${indent}${key}: ${value}\n`).join('');
    const mesh = fc
      .tuple(
        fc.array(pair, { maxLength: 3 }).map(block('')),
        fc.array(pair, { maxLength: 4 }).map(block('  ')),
        fc.array(pair, { maxLength: 2 }).map(block('')),
      )
      .map(([top, inner, end]) => `${top}defaultConfig:\n${inner}${end}`);
    const env = fc
      .array(
        fc.constantFrom(
          'CA_ADDR=x',
          'export CA_ADDR="y"',
          'CA_ADDR=$Z',
          '# c',
          "A='\nCA_ADDR=q\n'",
          'if x; then',
          'fi',
          'PILOT_ADDRESS=a',
        ),
      )
      .map((lines) => `${lines.join('\n')}\n`);
    let changed = 0;
    fc.assert(
      fc.property(mesh, env, fc.boolean(), (text, clusterEnv, moves) => {
        const current = configuration({ mesh: text, clusterEnv });
        const change = moves ? { move: MOVE } : {};
        const kept = tryKeep(current, change);
        if (kept === null) return;
        changed += 1;
        assert.deepEqual(keep(kept, change), kept);
        const [before, after] = [text, kept.mesh].map(
          (one) => asJson(readGoYaml(one, 'it')) as Record<string, unknown>,
        );
        assert.deepEqual({ ...after, defaultConfig: null }, { ...before, defaultConfig: null });
        const config = after?.defaultConfig as Record<string, unknown>;
        const path = 'binaryPath' in config ? config.binaryPath : config.binary_path;
        assert.equal(path, BINARY);
        for (const line of text.split('\n').filter((one) => one.trim().startsWith('#')))
          assert.ok(kept.mesh.includes(line));
      }),
      { numRuns: 1000 },
    );
    assert.ok(changed > 200, `only ${changed}`);
  });
});

function tryKeep(current: ReleaseConfiguration, change: Partial<KeptChange>): ReleaseConfiguration | null {
  try {
    return keep(current, change);
  } catch (error) {
    assert.ok(error instanceof AgentError && /^SMM30[26]$/.test(error.code), String(error));
    return null;
  }
}
