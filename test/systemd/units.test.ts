import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { serviceSettings } from '../../src/istio/activation/unit-file.ts';
import { RELEASE_FILES } from '../../src/istio/release.ts';

const at = (name: string) => new URL(`../../systemd/${name}`, import.meta.url).pathname;
const settingsOf = (name: string) => serviceSettings({ path: name, text: readFileSync(at(name), 'utf8') });
const values = (name: string, key: string) =>
  settingsOf(name)
    .filter((setting) => setting.key === key)
    .map(({ value }) => value);

describe('the drop-in of istio.service', () => {
  const file = 'istio.service.d-zz-smm-agent.conf';
  const active = '/opt/smm-agent/istio/active';

  it('runs the hook first, then the start script of the active release, which removes its rules', () => {
    assert.deepEqual(values(file, 'ExecStopPost'), [
      '',
      '-+/opt/smm-agent/bin/istio-activate stopped',
      `${active}/${RELEASE_FILES.startScript} clean`,
    ]);
  });

  it("adds two ExecStartPre to the unit's own, whose failures are ignored", () => {
    const [activate, fallBack, ...others] = values(file, 'ExecStartPre');
    assert.deepEqual(others, []);
    assert.equal(activate, '-+/usr/bin/timeout 30 /opt/smm-agent/bin/istio-activate');
    assert.match(fallBack ?? '', /^-\+\/usr\/bin\/timeout 10 \/bin\/sh -c /);
  });

  it('uses the same file names of a release as the agent', () => {
    assert.deepEqual(values(file, 'Environment').sort(), [
      `ISTIO_BIN_BASE=${active}/bin`,
      `ISTIO_BOOTSTRAP=${active}/${RELEASE_FILES.bootstrapTemplate}`,
      `ISTIO_CLUSTER_CONFIG=${active}/${RELEASE_FILES.clusterEnv}`,
      `ISTIO_SIDECAR_CONFIG=${active}/${RELEASE_FILES.sidecarEnv}`,
    ]);
    assert.deepEqual(values(file, 'ExecStart'), ['', `${active}/${RELEASE_FILES.startScript}`]);
  });
});

describe('the two units', () => {
  for (const file of ['istio.service.d-zz-smm-agent.conf', 'smm-agent.service']) {
    it(`${file} waits for the disk of /opt/smm-agent`, () => {
      assert.match(readFileSync(at(file), 'utf8'), /^\[Unit\]\n(?:[^[].*\n|\n)*RequiresMountsFor=\/opt\/smm-agent$/m);
    });
  }
});

describe('smm-agent.service', () => {
  const file = 'smm-agent.service';
  const expected: Record<string, string> = {
    Type: 'notify',
    NotifyAccess: 'all',
    Group: 'smm-agent',
    RestartSec: '2',
    TimeoutStartSec: '30',
    TimeoutStopSec: '10',
    WatchdogSec: '30',
    UMask: '0022',
    RuntimeDirectoryPreserve: 'yes',
  };
  for (const [key, value] of Object.entries(expected)) {
    it(`has ${key}=${value}`, () => assert.deepEqual(values(file, key), [value]));
  }

  it('is restarted without limit after any exit status', () => {
    assert.match(readFileSync(at(file), 'utf8'), /^StartLimitIntervalSec=0$/m);
    assert.deepEqual(values(file, 'RestartPreventExitStatus'), []);
  });

  it('has no ExecPaths, because systemd 252 would leave these folders writable', () => {
    assert.deepEqual(values(file, 'ExecPaths'), []);
  });

  it('has CAP_SYS_PTRACE, to read the processes of other users', () => {
    assert.ok(values(file, 'CapabilityBoundingSet').join(' ').includes('CAP_SYS_PTRACE'));
  });

  const analyze = spawnSync('systemd-analyze', ['security', '--offline=true', at(file)], { encoding: 'utf8' });
  // systemd before 250 cannot analyse a file. test/vm runs the same analysis on a machine with systemd.
  const skip =
    analyze.status === null || /unrecognized option|Unknown option/i.test(analyze.stderr)
      ? 'no systemd-analyze here'
      : false;
  it('has an exposure of 2.4 or less', { skip }, () => {
    const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(analyze.stdout) ?? [];
    assert.ok(Number(exposure) <= 2.4, analyze.stdout + analyze.stderr);
  });
});
