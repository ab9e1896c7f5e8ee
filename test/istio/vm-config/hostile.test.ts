import assert from 'node:assert/strict';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { AgentError } from '../../../src/errors.ts';
import { run } from '../../../src/host/programs.ts';
import { refuseMetadata } from '../../../src/istio/vm-config/refused.ts';
import { renderVmFiles, type VmFiles } from '../../../src/istio/vm-config/render.ts';
import { CANARY, makeCanaries, sourceAll } from './bash.ts';
import { annotated, someGroup, someInputs } from './cases.ts';

const REFUSED_KEYS = [
  ...['ISTIO_BIN_BASE', 'ISTIO_AGENT_FLAGS', 'ISTIO_CLUSTER_CONFIG', 'ISTIO_SIDECAR_CONFIG', 'ISTIO_X_CONFIG'],
  ...['ISTIO_BOOTSTRAP', 'ISTIO_BOOTSTRAP_OVERRIDE', 'ISTIO_CUSTOM_IP_TABLES', 'ISTIO_LOG_DIR', 'EXEC_USER'],
  ...['ENVOY_USER', 'PATH', 'HOME', 'IFS', 'SHELLOPTS', 'BASH_ENV', 'BASH_FUNC_x', 'BASHOPTS', 'ENV', 'LD_PRELOAD'],
  ...['LD_LIBRARY_PATH', 'PROXY_CONFIG', 'PROV_CERT', 'OUTPUT_CERTS', 'USER', 'SHELL', 'SUDO_ASKPASS', 'RANDOM', 'UID'],
];
const BAD_KEYS = ['', '1', '1.5', 'A-B', 'a.b', 'X$(id)', 'X;Y', 'A\nB', "q'", 'A B', 'A=B', 'É', 'a[0]', 'A+', 'A\0'];

describe('a key that the control plane may not set', () => {
  const places: [place: string, inputs: (key: string) => Parameters<typeof someInputs>[0]][] = [
    [
      "the mesh's proxyMetadata",
      (key) => ({ mesh: JSON.stringify({ defaultConfig: { proxyMetadata: { [key]: 'x' } } }) }),
    ],
    ['an annotation of the group', (key) => ({ workloadGroup: annotated({ proxyMetadata: { A: 'b', [key]: 'x' } }) })],
    ['an annotation in snake_case', (key) => ({ workloadGroup: annotated({ proxy_metadata: { [key]: '' } }) })],
    [
      'an annotation of spec.metadata',
      (key) => {
        const annotations = { 'proxy.istio.io/config': JSON.stringify({ proxyMetadata: { [key]: 'x' } }) };
        return { workloadGroup: someGroup({ metadata: { annotations } }) };
      },
    ],
  ];
  for (const [place, inputs] of places) {
    it(`is refused in ${place}`, () => {
      for (const key of [...REFUSED_KEYS, ...BAD_KEYS]) {
        assert.throws(() => renderVmFiles(someInputs(inputs(key))), { code: 'SMM304' }, key);
      }
    });
  }

  it('is allowed in agent.yaml, if bash takes it for a key', () => {
    const local = { env: Object.fromEntries(REFUSED_KEYS.map((key) => [key, 'mine'])), mesh: {} };
    const { clusterEnv } = renderVmFiles(someInputs(), local);
    for (const key of REFUSED_KEYS) assert.match(clusterEnv, new RegExp(`^${key}='mine'$`, 'm'));
    for (const key of BAD_KEYS) {
      assert.throws(() => renderVmFiles(someInputs(), { env: { [key]: 'x' }, mesh: {} }), { code: 'SMM305' }, key);
    }
  });
});

describe('a path in an annotation', () => {
  for (const field of [
    'binaryPath',
    'binary_path',
    'configPath',
    'customConfigFile',
    'proxy_bootstrap_template_path',
  ]) {
    it(`is refused as ${field}, and may be cleared`, () => {
      assert.throws(() => renderVmFiles(someInputs({ workloadGroup: annotated({ [field]: '/x' }) })), {
        code: 'SMM304',
      });
      for (const value of ['', null]) renderVmFiles(someInputs({ workloadGroup: annotated({ [field]: value }) }));
    });
  }
});

describe('a NUL', () => {
  // bash drops it, and then loses its place in the file: it finds quotes unclosed, or their content outside of them.
  it('is refused wherever it would reach cluster.env', () => {
    const labels = { 'service.istio.io/canonical-name': 'a\0b' };
    const groups = [someGroup({ metadata: { labels } }), annotated({ proxyMetadata: { A: '\0' } })];
    for (const workloadGroup of groups) {
      assert.throws(() => renderVmFiles(someInputs({ workloadGroup })), { code: 'SMM304', message: /NUL/ });
    }
    // As a label like any other it is \u0000 there.
    renderVmFiles(someInputs({ workloadGroup: someGroup({ metadata: { labels: { other: 'a\0b' } } }) }));
  });
});

describe("a value that Istio's start script would evaluate", () => {
  const table: [key: string, bad: string, good: string][] = [
    ['POD_NAME', 'x; touch canary;', 'vm-1'],
    ['ISTIO_SVC_IP', '$(touch canary)', '10.0.0.1'],
    ['ISTIO_CP_AUTH', 'NONE\nbinaryPath: /tmp/x', 'NONE'],
    ['PILOT_ADDRESS', 'a:1\nbinaryPath: /tmp/x', 'istiod.istio-system.svc:15012'],
    ['ISTIO_PILOT_PORT', '1 x', '15012'],
    ['ISTIO_SYSTEM_NAMESPACE', 'a b', 'istio-system'],
    ['ISTIO_INBOUND_INTERCEPTION_MODE', 'TPROXY', 'REDIRECT'],
  ];
  for (const [key, bad, good] of table) {
    it(`${key} is refused as ${JSON.stringify(bad)} and rendered as ${good}`, () => {
      const render = (value: string) =>
        renderVmFiles(someInputs({ workloadGroup: annotated({ proxyMetadata: { [key]: value } }) }));
      assert.throws(() => render(bad), { code: 'SMM304' });
      assert.ok(render(good).clusterEnv.includes(`${key}='${good}'`));
    });
  }

  it('is refused in the name of the group, the revision and the namespace too', () => {
    const group = someGroup({});
    for (const bad of ['a;b', 'a b', 'a\nb', '$(id)', '']) {
      const named = { ...group, metadata: { ...group.metadata, name: bad } };
      assert.throws(() => renderVmFiles(someInputs({ workloadGroup: named })), { code: 'SMM301' });
      if (bad !== '') assert.throws(() => renderVmFiles(someInputs({ revision: bad })), { code: 'SMM301' });
      if (bad !== '') assert.throws(() => renderVmFiles(someInputs({ istioNamespace: bad })), { code: 'SMM301' });
    }
  });
});

describe('a WorkloadGroup sourced by bash as root would', () => {
  let folder: string;
  let path: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smm-hostile-'));
    path = await makeCanaries(folder, ['id', 'touch', 'reboot', 'sh', '1=x', 'A-B=x', 'x']);
  });
  after(() => rm(folder, { recursive: true }));

  it('runs nothing, whatever its keys and values are', async () => {
    const files: { name: string; keys: string[] }[] = [];
    for (const group of fc.sample(hostileGroup(), 400)) {
      const rendered = tryRender(group);
      if (rendered === null) continue;
      const name = `${files.length}.env`;
      await writeFile(join(folder, name), rendered.clusterEnv);
      files.push({ name, keys: ['ISTIO_SERVICE_CIDR'] });
    }
    assert.ok(files.length > 100, `only ${files.length} of the groups were rendered`);
    const held = await sourceAll(folder, files, path);
    assert.deepEqual(
      held,
      files.map(() => ['*']),
    );
    await assert.rejects(access(join(folder, CANARY)), { code: 'ENOENT' });
  });

  it('would be caught by these canaries', async () => {
    for (const line of ["1='x'", "RANDOM='a[$(touch x)]'", 'A=$(id)', 'A=`id`', 'A=b x']) {
      await writeFile(join(folder, 'bad.env'), `${line}\n`);
      await sourceAll(folder, [{ name: 'bad.env', keys: [] }], path);
      assert.ok((await readFile(join(folder, CANARY), 'utf8')) !== '', line);
      await rm(join(folder, CANARY));
    }
  });

  // An assignment to a variable with the integer attribute is arithmetic, which runs what stands in an index.
  it('sets no variable by which this bash runs something or gives up', async () => {
    const { stdout } = await run(['/bin/bash', '--norc', '-c', 'compgen -v; declare -p']);
    const names = new Set(stdout.match(/[A-Za-z_][A-Za-z0-9_]*/g));
    for (const name of ['SRANDOM', 'HISTCMD', 'OPTIND', 'LINENO', 'SECONDS', 'FUNCNAME', 'COMP_WORDS']) names.add(name);
    const allowed = [...names].filter((name) => !isRefused(name));
    const files = allowed.map((key, index) => ({ name: `special-${index}.env`, keys: ['DONE'] as string[], key }));
    for (const { name, key } of files) await writeFile(join(folder, name), `${key}='a[$(touch x)]'\nDONE='yes'\n`);
    assert.ok(allowed.length > 10 && allowed.length < names.size);
    assert.deepEqual(
      await sourceAll(folder, files, path),
      files.map(() => ['yes']),
    );
    await assert.rejects(access(join(folder, CANARY)), { code: 'ENOENT' });
  });
});

function isRefused(key: string): boolean {
  try {
    refuseMetadata(new Map([[key, 'a[$(touch x)]']]), 'a test');
    return false;
  } catch (error) {
    assert.ok(error instanceof AgentError && error.code === 'SMM304');
    return true;
  }
}

/** Null when it is refused; anything but a refusal is a failure. */
function tryRender(workloadGroup: Record<string, unknown>): VmFiles | null {
  try {
    return renderVmFiles(someInputs({ workloadGroup }));
  } catch (error) {
    assert.ok(error instanceof AgentError && /^SMM30[1-4]$/.test(error.code), String(error));
    return null;
  }
}

function hostileGroup() {
  const attack = fc.constantFrom(
    ...[
      '$(touch x)',
      '`touch x`',
      '; touch x ;',
      '\ntouch x\n',
      "'; touch x; '",
      '"; touch x; "',
      "'\n touch x #",
      '\\',
    ],
    ...[
      'a[$(touch x)]',
      `\${x:-$(id)}`,
      '<(id)',
      '$((a[$(id)]))',
      '|id',
      '&&id',
      '\r\nid\r\n',
      "\\'; id #",
      '~',
      '*',
      '\0id',
    ],
  );
  const meta = fc.string({ unit: fc.constantFrom(...'\'"\\$`;&|<>(){}*?![]~#= \t\n\r\0id'), maxLength: 12 });
  const value = fc
    .array(fc.oneof(attack, meta, fc.string({ maxLength: 5 })), { maxLength: 4 })
    .map((parts) => parts.join(''));
  const badKey = fc.oneof(value, fc.constantFrom(...BAD_KEYS, ...REFUSED_KEYS));
  const goodKey = fc.stringMatching(/^[A-Z_][A-Z0-9_]{2,8}$/);
  const key = fc.oneof({ weight: 30, arbitrary: goodKey }, { weight: 1, arbitrary: badKey });
  const annotations = fc
    .dictionary(key, value, { maxKeys: 4 })
    .map((proxyMetadata) => ({ 'proxy.istio.io/config': JSON.stringify({ proxyMetadata }) }));
  const labels = fc.dictionary(fc.oneof(value, fc.constantFrom('app', 'version', '__proto__')), value, { maxKeys: 4 });
  const template = fc.record(
    {
      labels,
      network: value,
      serviceAccount: value,
      ports: fc.dictionary(value, fc.integer({ min: 0, max: 65535 }), { maxKeys: 3 }),
    },
    { requiredKeys: [] },
  );
  return fc.record({
    metadata: fc.record({ name: fc.constant('shop'), namespace: fc.constant('vms'), annotations }),
    spec: fc.record({ metadata: fc.record({ labels, annotations }), template }, { requiredKeys: [] }),
  });
}
