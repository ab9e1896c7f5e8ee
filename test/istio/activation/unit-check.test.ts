import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { installDropIn } from '../../../src/istio/activation/drop-in.ts';
import { checkUnit, type UnitCheck } from '../../../src/istio/activation/unit-check.ts';
import { readUnitFacts } from '../../../src/istio/activation/unit-facts.ts';
import { ACTIVE, UnitMachine } from './unit-machine.ts';

async function check(machine: UnitMachine): Promise<UnitCheck> {
  return checkUnit(await readUnitFacts(machine.paths, await machine.unit(), ACTIVE));
}

async function adopted(): Promise<UnitMachine> {
  const machine = new UnitMachine();
  await installDropIn(machine.paths, machine, 'boot-1');
  return machine;
}

async function onlyFinding(machine: UnitMachine) {
  const answer = await check(machine);
  assert.ok(answer.answer === 'blocked', JSON.stringify(answer));
  assert.equal(answer.findings.length, 1, JSON.stringify(answer.findings, null, 1));
  const [finding] = answer.findings;
  assert.ok(finding !== undefined);
  return finding;
}

describe('istio.service before the drop-in is there', () => {
  it('is to get it', async () => {
    using machine = new UnitMachine();
    assert.equal((await check(machine)).answer, 'absent');
  });

  it('is to get it also when systemd has not read it yet, or it is that of another package', async () => {
    using machine = await adopted();
    const unread = { ...(await machine.unit()), dropInPaths: [] };
    unread.execStart = [{ argv: [machine.paths.istio.startScript] }];
    assert.equal(checkUnit(await readUnitFacts(machine.paths, unread, ACTIVE)).answer, 'absent');
    machine.write(machine.paths.dropInTemplate, 'another\n');
    assert.equal((await check(machine)).answer, 'absent');
  });

  it('is blocked when an operator starts Istio in a way of his own: the drop-in would take that away', async () => {
    using machine = new UnitMachine();
    machine.dropIn(
      'override.conf',
      '[Service]\nExecStart=\nExecStart=/usr/bin/numactl /usr/local/bin/istio-start.sh\n',
    );
    const { file, line } = await onlyFinding(machine);
    assert.deepEqual([file.endsWith('/override.conf'), line], [true, 3]);
  });

  it('is blocked when its files lie elsewhere: those of the package would be adopted, and are not what runs', async () => {
    using machine = new UnitMachine();
    machine.dropIn('override.conf', '[Service]\n# ours\nEnvironment=ISTIO_CLUSTER_CONFIG=/etc/mesh/cluster.env\n');
    machine.state = { environment: { ISTIO_CLUSTER_CONFIG: '/etc/mesh/cluster.env' } };
    const { file, line, text } = await onlyFinding(machine);
    assert.deepEqual([file.endsWith('/override.conf'), line], [true, 3]);
    assert.match(text, /override\.conf:3 sets ISTIO_CLUSTER_CONFIG/);
    machine.state = { environment: { ISTIO_CLUSTER_CONFIG: machine.paths.istio.clusterEnv } };
    assert.equal((await check(machine)).answer, 'absent');
  });

  it('is absent when Istio is not installed', async () => {
    using machine = new UnitMachine();
    machine.state = { exists: false };
    assert.equal((await check(machine)).answer, 'absent');
  });
});

describe('istio.service with the drop-in', () => {
  it('is ours', async () => {
    using machine = await adopted();
    assert.deepEqual(await check(machine), { answer: 'ours' });
  });

  const harmless: Record<string, string> = {
    'limits in an override': '[Service]\nLimitNOFILE=1000000\nRestartSec=3\n',
    'flags of pilot-agent': '[Service]\nEnvironment="ISTIO_AGENT_FLAGS=--proxyLogLevel debug"\n',
    'an ExecStartPre of his own': '[Service]\nExecStartPre=/bin/true\n',
    'a PROXY_CONFIG about something else': `[Service]\nEnvironment="PROXY_CONFIG={concurrency: 4}"\n`,
  };
  for (const [what, text] of Object.entries(harmless)) {
    for (const name of ['override.conf', 'zzz.conf']) {
      it(`is ours with ${what} (${name})`, async () => {
        using machine = (await adopted()).dropIn(name, text);
        assert.deepEqual(await check(machine), { answer: 'ours' });
      });
    }
  }

  const defeating: { what: string; name?: string; text: string; line: number; says: RegExp }[] = [
    {
      what: 'ExecStart',
      text: '[Service]\nExecStart=\nExecStart=/opt/own/start\n',
      line: 3,
      says: /overrides ExecStart/,
    },
    {
      what: 'ExecStartPre',
      text: '[Service]\nExecStartPre=\n',
      line: 2,
      says: /takes istio-activate out of ExecStartPre/,
    },
    {
      what: 'ExecStopPost',
      text: '# mine\n[Service]\nExecStopPost=\nExecStopPost=/x clean\n',
      line: 4,
      says: /overrides ExecStopPost/,
    },
    {
      what: 'ISTIO_BIN_BASE',
      text: '[Service]\nEnvironment=A=b ISTIO_BIN_BASE=/usr/local/bin\n',
      line: 2,
      says: /changes ISTIO_BIN_BASE/,
    },
    {
      what: 'Environment, which it resets',
      text: '[Service]\nEnvironment=\n',
      line: 2,
      says: /changes ISTIO_BIN_BASE/,
    },
    {
      what: 'PILOT_ADDRESS',
      name: 'override.conf',
      text: '[Service]\n\nEnvironment=PILOT_ADDRESS=istiod.old.svc:15012\n',
      line: 3,
      says: /sets PILOT_ADDRESS/,
    },
    {
      what: 'ISTIO_PILOT_PORT',
      name: 'override.conf',
      text: '[Service]\nEnvironment=ISTIO_PILOT_PORT=15005\n',
      line: 2,
      says: /sets ISTIO_PILOT_PORT/,
    },
    {
      what: 'PROXY_CONFIG with binaryPath',
      name: 'override.conf',
      text: '[Service]\nEnvironment="PROXY_CONFIG={binaryPath: /x}"\n',
      line: 2,
      says: /PROXY_CONFIG \(binaryPath\)/,
    },
    {
      what: 'a mesh file',
      name: 'override.conf',
      text: '[Service]\nEnvironment="ISTIO_AGENT_FLAGS=--meshConfig /x"\n',
      line: 2,
      says: /--meshConfig has no effect/,
    },
  ];
  for (const { what, name = 'zzz.conf', text, line, says } of defeating) {
    it(`is blocked by a drop-in that sets ${what}, and names file and line`, async () => {
      using machine = (await adopted()).dropIn(name, text);
      const answer = await check(machine);
      assert.ok(answer.answer === 'blocked', JSON.stringify(answer));
      const [finding] = answer.findings;
      assert.equal(finding?.line, line);
      assert.match(finding?.text ?? '', says);
      assert.match(finding?.text ?? '', new RegExp(`/${name}:${line} `));
      assert.ok((finding?.remedy ?? '').length > 10);
    });
  }

  it('is blocked by an EnvironmentFile, which wins over the drop-in', async () => {
    using machine = await adopted();
    const file = join(machine.root, 'etc/default/istio');
    machine.write(file, '# own\nPILOT_ADDRESS=x:1\n').dropIn('override.conf', `[Service]\nEnvironmentFile=-${file}\n`);
    const { text } = await onlyFinding(machine);
    assert.match(text, /default\/istio:2 sets PILOT_ADDRESS/);
  });

  const inEnvFiles: { what: string; file: string; text: string; says: RegExp }[] = [
    {
      what: 'ISTIO_BIN_BASE',
      file: 'sidecar.env',
      text: 'ISTIO_BIN_BASE=/usr/local/bin\n',
      says: /sets ISTIO_BIN_BASE/,
    },
    {
      what: 'ISTIO_BOOTSTRAP',
      file: 'cluster.env',
      text: '\nexport ISTIO_BOOTSTRAP=/x\n',
      says: /cluster\.env:2 sets ISTIO_BOOTSTRAP/,
    },
    {
      what: 'flags without the mesh file',
      file: 'cluster.env',
      text: "ISTIO_AGENT_FLAGS='--proxyLogLevel debug'\n",
      says: /old Envoy/,
    },
    {
      what: 'flags that only a shell can read',
      file: 'cluster.env',
      text: 'ISTIO_AGENT_FLAGS="$(cat /x)"\n',
      says: /old Envoy/,
    },
    {
      what: 'another PILOT_ADDRESS than the mesh file',
      file: 'cluster.env',
      text: 'PILOT_ADDRESS=other:15012\n',
      says: /move/,
    },
  ];
  for (const { what, file, text, says } of inEnvFiles) {
    it(`is blocked by ${what} in the env files of the release`, async () => {
      using machine = (await adopted()).inRelease(file, text);
      const finding = await onlyFinding(machine);
      assert.match(finding.text, says);
      assert.match(finding.remedy, /smm-agent adopt/);
    });
  }

  it('is ours when the release moves its PILOT_ADDRESS together with the mesh file', async () => {
    using machine = (await adopted()).inRelease('cluster.env', 'PILOT_ADDRESS=istiod.istio-system.svc:15012\n');
    assert.deepEqual(await check(machine), { answer: 'ours' });
  });

  it('is looked at without an EnvironmentFile that cannot be read, which is said', async () => {
    using machine = new UnitMachine();
    const file = join(machine.root, 'own.env');
    execFileSync('mkfifo', [file]);
    const { unreadable } = await readUnitFacts(
      machine.paths,
      { ...(await machine.unit()), environmentFiles: [`-${file}`] },
      ACTIVE,
    );
    assert.deepEqual(unreadable, [
      `cannot check an EnvironmentFile of istio.service: cannot read ${file}: it is not a regular file`,
    ]);
  });
});
