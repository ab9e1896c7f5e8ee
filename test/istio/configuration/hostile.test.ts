import assert from 'node:assert/strict';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { AgentError } from '../../../src/base/errors.ts';
import { run } from '../../../src/host/programs/programs.ts';
import { ALLOWED_KEYS, formOf } from '../../../src/istio/configuration/env/allowed-keys.ts';
import { renderVmFiles, type VmFiles } from '../../../src/istio/configuration/render.ts';
import { CANARY, makeCanaries, sourceAll } from './bash.ts';
import { annotated, someGroup, someInputs } from './cases.ts';

const REFUSED_KEYS = [
  ...['ISTIO_BIN_BASE', 'ISTIO_AGENT_FLAGS', 'ISTIO_CLUSTER_CONFIG', 'ISTIO_SIDECAR_CONFIG', 'ISTIO_X_CONFIG'],
  ...['ISTIO_BOOTSTRAP', 'ISTIO_BOOTSTRAP_OVERRIDE', 'ISTIO_CUSTOM_IP_TABLES', 'ISTIO_LOG_DIR', 'EXEC_USER'],
  ...['ENVOY_USER', 'PATH', 'HOME', 'IFS', 'SHELLOPTS', 'BASH_ENV', 'BASH_FUNC_x', 'BASHOPTS', 'ENV', 'LD_PRELOAD'],
  ...['LD_LIBRARY_PATH', 'PROXY_CONFIG', 'PROV_CERT', 'OUTPUT_CERTS', 'USER', 'SHELL', 'SUDO_ASKPASS', 'RANDOM', 'UID'],
  // Of istio-iptables, iptables, ip, OpenSSL and Go, and others that a program of root may read one day.
  ...[
    'XTABLES_LOCKFILE',
    'DRY_RUN',
    'DRY_RUN_FILE_PATH',
    'SKIP_RULE_APPLY',
    'NATIVE_NFTABLES',
    'CNI_MODE',
    'RECONCILE',
  ],
  ...[
    'NETWORK_NAMESPACE',
    'FORCE_IPTABLES_BINARY',
    'CLEANUP_ONLY',
    'FORCE_APPLY',
    'RUN_VALIDATION',
    'PROXY_UID',
    'PROXY_GID',
  ],
  ...[
    'ISTIO_INBOUND_TPROXY_MARK',
    'INBOUND_TPROXY_MARK',
    'ISTIO_INBOUND_TPROXY_ROUTE_TABLE',
    'INBOUND_INTERCEPTION_MODE',
  ],
  ...[
    'OPENSSL_CONF',
    'IP_LIB_DIR',
    'TC_LIB_DIR',
    'GODEBUG',
    'GOCOVERDIR',
    'SSL_CERT_FILE',
    'XDS_ROOT_CA',
    'CA_ROOT_CA',
    'FOO',
  ],
];
const BAD_KEYS = ['', '1', '1.5', 'A-B', 'a.b', 'X$(id)', 'X;Y', 'A\nB', "q'", 'A B', 'A=B', 'É', 'a[0]', 'A+', 'A\0'];

describe('a key that the control plane may not set', () => {
  const places: [place: string, inputs: (key: string) => Parameters<typeof someInputs>[0]][] = [
    [
      "the mesh's proxyMetadata",
      (key) => ({ mesh: JSON.stringify({ defaultConfig: { proxyMetadata: { [key]: 'x' } } }) }),
    ],
    [
      'an annotation of the group',
      (key) => ({ workloadGroup: annotated({ proxyMetadata: { ISTIO_META_A: 'b', [key]: 'x' } }) }),
    ],
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

  it('is overridden where agent.yaml sets it: nothing of what the control plane says is left', () => {
    for (const [place, inputs] of places) {
      for (const key of REFUSED_KEYS) {
        const byEnv = renderVmFiles(someInputs(inputs(key)), { env: { [key]: 'mine' }, mesh: {} });
        assert.match(byEnv.clusterEnv, new RegExp(`^${key}='mine'$`, 'm'), place);
        assert.ok(!byEnv.mesh.includes(`"${key}"`), `${key} in ${place}`);
        const byMesh = renderVmFiles(someInputs(inputs(key)), { env: {}, mesh: { proxyMetadata: { [key]: 'mine' } } });
        assert.match(byMesh.clusterEnv, new RegExp(`^${key}='mine'$`, 'm'), place);
        assert.match(byMesh.mesh, new RegExp(`^ +"${key}": "mine"$`, 'm'), place);
      }
    }
  });

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

    it(`is overridden as ${field} where istio.mesh sets it`, () => {
      const given = someInputs({ workloadGroup: annotated({ [field]: '/hostile' }) });
      for (const value of ['/mine', null]) {
        const { mesh } = renderVmFiles(given, { env: {}, mesh: { [field]: value } });
        assert.ok(!mesh.includes('hostile'));
        assert.equal(mesh.includes('/mine'), value !== null);
      }
    });
  }
});

describe('a value', () => {
  const labelled = (value: string) => someGroup({ metadata: { labels: { 'service.istio.io/canonical-name': value } } });
  const metadata = (value: string) => annotated({ proxyMetadata: { ISTIO_META_A: value } });
  const rendered = (workloadGroup: ReturnType<typeof someGroup>) => renderVmFiles(someInputs({ workloadGroup }));

  // bash drops a NUL, and then loses its place in the file: it finds quotes unclosed, or their content outside of them.
  for (const [what, value, message] of [
    ['a NUL', 'a\0b', /NUL/],
    ['a line end', 'a\nb', /line end/],
    ['more bytes than a program takes', 'é'.repeat(8200), /16400 bytes/],
  ] as const) {
    it(`is refused with ${what}, wherever it would reach cluster.env`, () => {
      for (const group of [labelled(value), metadata(value)]) {
        assert.throws(() => rendered(group), { code: 'SMM304', message });
      }
      for (const place of [{ template: { network: value } }, { template: { serviceAccount: value } }]) {
        assert.throws(() => rendered(someGroup(place)), { code: 'SMM304', message });
      }
      const mesh = JSON.stringify({ trustDomain: value });
      assert.throws(() => renderVmFiles(someInputs({ mesh })), { code: 'SMM304', message });
    });
  }

  it('may hold a NUL and line ends as a label like any other, where JSON escapes them', () => {
    const { clusterEnv } = rendered(someGroup({ metadata: { labels: { other: 'a\0b\n' } } }));
    assert.match(clusterEnv, /"other":"a\\u0000b\\n"/);
  });

  it('is refused where all of them together are more than a program takes', () => {
    const many = (keys: number) => {
      const entries = Array.from({ length: keys }, (_, index) => [`ISTIO_META_K${index}`, 'x'.repeat(16_000)]);
      return annotated({ proxyMetadata: Object.fromEntries(entries) });
    };
    rendered(many(3));
    const metadata = { ISTIO_META_M: 'x'.repeat(16_000), ISTIO_META_N: 'x'.repeat(2_000) };
    const mesh = JSON.stringify({ defaultConfig: { proxyMetadata: metadata } });
    assert.throws(() => renderVmFiles(someInputs({ mesh, workloadGroup: many(3) })), {
      code: 'SMM304',
      message: /all values together/,
    });
  });
});

describe('a text that is too large', () => {
  const keys = (bytes: number) => 'a: b\n'.repeat(bytes / 5);
  const inSpec = (text: string) => someGroup({ metadata: { annotations: { 'proxy.istio.io/config': text } } });
  const refusal = (code: string, message: RegExp) => ({ code, message });

  it('is not even parsed as an annotation of more than 64 KB', () => {
    for (const group of [annotated, inSpec]) {
      const render = (bytes: number) => renderVmFiles(someInputs({ workloadGroup: group(keys(bytes)) }));
      render(20_000);
      assert.throws(() => render(65_540), refusal('SMM302', /65540 bytes; at most 65536 are read/));
    }
  });

  it('is not even parsed as a mesh of more than 256 KB', () => {
    const render = (bytes: number) => renderVmFiles(someInputs({ mesh: keys(bytes) }));
    assert.throws(() => render(262_150), refusal('SMM302', /mesh configuration as YAML: it has 262150 bytes/));
  });

  it('is not read as a WorkloadGroup of more than 256 KB of any kind', () => {
    const labels = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`label-${index}`, 'x'.repeat(50)]));
    const other = { 'proxy.istio.io/config': keys(65_000), other: 'x'.repeat(1_400_000) };
    for (const group of [someGroup({ metadata: { labels } }), someGroup({}, other)]) {
      const render = () => renderVmFiles(someInputs({ workloadGroup: group }));
      assert.throws(render, refusal('SMM301', /the WorkloadGroup has 1\d{6} bytes; at most 262144 are read/));
    }
  });
});

describe('a value that root puts into rules or a command', () => {
  const table: [key: string, bad: string[], good: string[]][] = [
    ['INBOUND_CAPTURE_PORT', ['15006 -j ACCEPT', '0', '65536', '015', '-1', '', '1,2'], ['15006', '65535']],
    ['ISTIO_INBOUND_PORTS', ['80 -j DROP', '80,', '*,80', '80:90'], ['*', '', '80,443']],
    ['ISTIO_LOCAL_OUTBOUND_PORTS_EXCLUDE', ['*', 'ssh', "1'"], ['', '22,80']],
    ['ISTIO_SERVICE_CIDR', ['10.0.0.0/33', '10.0.0.1', '0/0', '* ', '::/129'], ['*', '', '10.0.0.0/8,fd00::/8']],
    ['ISTIO_SERVICE_EXCLUDE_CIDR', ['*', '1.2.3.4/8 -j X'], ['169.254.169.254/32']],
    ['ISTIO_EXCLUDE_INTERFACES', ['-j', 'eth0 eth1', '!eth0', 'a'.repeat(16)], ['eth0,docker+', 'veth-1.2']],
    ['KUBE_VIRT_INTERFACES', ['a/b', 'a"'], ['tap0']],
    ['ISTIO_OUTBOUND_OWNER_GROUPS', ['*,a', 'a b', '-g'], ['*', '0,101,java']],
    ['ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE', ['*', '!root'], ['', 'backup']],
    ['ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR', ['::1/128', '127.0.0.1', ''], ['127.0.0.0/8']],
    ['ISTIO_META_DNS_CAPTURE', ['yes', '', 'true '], ['true', '0']],
    ['ISTIO_DUAL_STACK', ['on'], ['TRUE']],
    ['SECRET_TTL', ['1 day', '-1h'], ['24h', '1h30m0.5s']],
    ['SECRET_GRACE_PERIOD_RATIO', ['1e9', 'x'], ['0.5', '.01']],
    ['ENVOY_STATUS_PORT', ['x'], ['15021']],
  ];
  for (const [key, bad, good] of table) {
    it(`${key} is one that Istio's sources expect, or refused`, () => {
      const render = (value: string) =>
        renderVmFiles(someInputs({ workloadGroup: annotated({ proxyMetadata: { [key]: value } }), captureDNS: false }));
      for (const value of bad) {
        const refusal = { code: 'SMM304', message: new RegExp(`the value of ${key} in .*: it must be `) };
        assert.throws(() => render(value), refusal, JSON.stringify(value));
      }
      for (const value of good) assert.doesNotThrow(() => render(value), JSON.stringify(value));
    });
  }
});

describe("a value that Istio's start script would evaluate", () => {
  const table: [key: string, bad: string, good: string][] = [
    ['POD_NAME', 'x; touch canary;', 'vm-1'],
    ['ISTIO_SVC_IP', '$(touch canary)', '10.0.0.1'],
    ['ISTIO_CP_AUTH', 'NONE\nbinaryPath: /tmp/x', 'NONE'],
    ['PILOT_ADDRESS', 'a:1\nbinaryPath: /tmp/x', 'istiod.istio-system.svc:15012'],
    ['CA_ADDR', 'a b', 'istiod.istio-system.svc:15012'],
    ['ISTIO_NAMESPACE', 'a;id', 'vms'],
    ['ISTIO_PILOT_PORT', '1 x', '15012'],
    ['ISTIO_SYSTEM_NAMESPACE', 'a b', 'istio-system'],
    ['ISTIO_INBOUND_INTERCEPTION_MODE', 'TPROXY', 'REDIRECT'],
  ];
  for (const [key, bad, good] of table) {
    it(`${key} is refused as ${JSON.stringify(bad)} and rendered as ${good}`, () => {
      const render = (value: string) =>
        renderVmFiles(someInputs({ workloadGroup: annotated({ proxyMetadata: { [key]: value } }) }));
      assert.throws(() => render(bad), { code: 'SMM304' });
      assert.match(render(good).clusterEnv, new RegExp(`^${key}='`, 'm'));
      assert.ok(render(good).mesh.includes(`"${key}": "${good}"`));
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

  it('runs nothing, with any keys and values', async () => {
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
    assert.ok(names.size > 40);
    for (const name of names) assert.ok(!ALLOWED_KEYS.includes(name) && formOf(name) === null, name);
    const files = ALLOWED_KEYS.map((key, index) => ({ name: `allowed-${index}.env`, keys: ['DONE'] as string[], key }));
    for (const { name, key } of files) await writeFile(join(folder, name), `${key}='a[$(touch x)]'\nDONE='yes'\n`);
    assert.deepEqual(
      await sourceAll(folder, files, path),
      files.map(() => ['yes']),
    );
    await assert.rejects(access(join(folder, CANARY)), { code: 'ENOENT' });
  });
});

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
  const any = fc
    .array(fc.oneof(attack, meta, fc.string({ maxLength: 5 })), { maxLength: 4 })
    .map((parts) => parts.join(''));
  // Most have neither line end nor NUL: with one, a group is refused for that alone.
  const value = fc.oneof(
    { weight: 12, arbitrary: any.map((text) => text.replaceAll(/[\n\0]/g, ' ')) },
    { weight: 1, arbitrary: any },
  );
  const badKey = fc.oneof(any, fc.constantFrom(...BAD_KEYS, ...REFUSED_KEYS));
  const goodKey = fc.stringMatching(/^ISTIO_META(JSON)?_[A-Z0-9_]{1,8}$/);
  const key = fc.oneof({ weight: 30, arbitrary: goodKey }, { weight: 1, arbitrary: badKey });
  const annotations = fc
    .dictionary(key, value, { maxKeys: 4 })
    .map((proxyMetadata) => ({ 'proxy.istio.io/config': JSON.stringify({ proxyMetadata }) }));
  const labels = fc.dictionary(fc.oneof(any, fc.constantFrom('app', 'version', '__proto__')), value, { maxKeys: 4 });
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
