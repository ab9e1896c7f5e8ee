import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunResult } from '../../../src/host/programs/programs.ts';
import { Systemd } from '../../../src/host/systemd/systemd.ts';

interface Call {
  argv: readonly string[];
  env: Record<string, string> | undefined;
}

/** systemctl that gives this answer, and what it was called with. */
function systemdThatSays(answer: Partial<RunResult>): { systemd: Systemd; calls: Call[] } {
  const calls: Call[] = [];
  const systemd = new Systemd({
    run: (argv, options) => {
      calls.push({ argv, env: options?.env });
      return Promise.resolve({ status: 0, signal: null, stdout: '', stderr: '', ...answer });
    },
  });
  return { systemd, calls };
}

describe('a unit', () => {
  it('is asked for in UTC, since a time zone by name does not tell the offset', async () => {
    const { systemd, calls } = systemdThatSays({ stdout: 'LoadState=loaded\nActiveState=active\n' });
    await systemd.unit('istio.service');
    assert.equal(calls[0]?.env?.TZ, 'UTC');
  });

  it('that systemd does not know does not exist', async () => {
    const { systemd } = systemdThatSays({ stdout: 'LoadState=not-found\nActiveState=inactive\n' });
    const { exists, activeState, pids } = await systemd.unit('istio.service');
    assert.deepEqual({ exists, activeState, pids }, { exists: false, activeState: 'inactive', pids: [] });
  });

  it('that is masked exists', async () => {
    const { systemd } = systemdThatSays({ stdout: 'LoadState=masked\nActiveState=inactive\nUnitFileState=masked\n' });
    assert.equal((await systemd.unit('istio.service')).exists, true);
  });

  it('in an unknown state is an error, and no guess', async () => {
    const { systemd } = systemdThatSays({ stdout: 'LoadState=loaded\nActiveState=sideways\n' });
    await assert.rejects(systemd.unit('istio.service'), { code: 'SMM530', message: /sideways/ });
  });

  it('is not taken for absent when systemd does not answer', async () => {
    const { systemd } = systemdThatSays({ status: 1, stderr: 'Failed to connect to bus' });
    await assert.rejects(systemd.unit('istio.service'), { code: 'SMM530', message: /Failed to connect to bus/ });
  });
});

describe('a job', () => {
  it('is found among those of other units', async () => {
    const { systemd } = systemdThatSays({ stdout: ' 1 a.service start waiting\n12 istio.service stop running\n' });
    assert.equal(await systemd.job('istio.service'), 'stop');
    assert.equal(await systemd.job('b.service'), null);
  });

  it("is found under the unit's own name, where it is asked for by an alias", async () => {
    // As systemd 252 prints it: list-jobs has the unit's own name, also where the job was asked for by an alias.
    const systemd = new Systemd({
      run: (argv) => {
        const stdout = argv.includes('list-jobs')
          ? '12 mesh-proxy.service restart running\n'
          : 'Id=mesh-proxy.service\n';
        return Promise.resolve({ status: 0, signal: null, stdout, stderr: '' });
      },
    });
    assert.equal(await systemd.job('istio.service'), 'restart');
  });
  it('is null when there are none', async () => {
    const { systemd } = systemdThatSays({ stdout: 'No jobs running.\n' });
    assert.equal(await systemd.job('istio.service'), null);
  });
});

describe('a start', () => {
  it('gives way to any job that an operator has queued', async () => {
    const { systemd, calls } = systemdThatSays({});
    await systemd.start('istio.service');
    assert.deepEqual(calls[0]?.argv, ['systemctl', 'start', '--job-mode=fail', 'istio.service']);
  });
  it('that fails carries what systemctl said', async () => {
    const { systemd } = systemdThatSays({ status: 1, stderr: 'Unit istio.service is masked.' });
    await assert.rejects(systemd.start('istio.service'), {
      code: 'SMM531',
      message: /is masked/,
      remedy: /^put right what the message of systemctl names/,
    });
  });
  it('that fails without a message says where to look', async () => {
    const { systemd } = systemdThatSays({ status: 1 });
    await assert.rejects(systemd.start('istio.service'), { remedy: 'see systemctl status istio.service' });
    await assert.rejects(systemd.daemonReload(), { remedy: 'see systemctl status' });
  });
});
