import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Status } from '../../src/agent/status.ts';
import { writeStatus } from '../../src/agent/status-file.ts';
import { misconfiguredStatus } from '../../src/agent/unseen-status.ts';
import { statusText } from '../../src/cli/status-text.ts';
import { NOW } from '../agent/observed.ts';
import { openTerminal } from './terminal.ts';

const RELEASE = { id: '1.31.0-aaaaaaaaaaaa', istioVersion: '1.31.0', revision: 'default', problems: [] };
const STAGED = { ...RELEASE, id: '1.31.1-bbbbbbbbbbbb', istioVersion: '1.31.1', since: NOW.toISOString() };

const STATUS: Status = {
  ...misconfiguredStatus('1.0.0', process.pid, NOW, ''),
  agent: { version: '1.0.0', pid: process.pid, state: 'ready', reason: 'what is wanted is active or staged' },
  workloadGroup: { namespace: 'vm-apps', name: 'reviews' },
  target: { answer: 'wanted', revision: 'default', istioVersion: '1.31.1', reason: null },
  istio: {
    unit: { activeState: 'active', subState: 'running', since: NOW.toISOString() },
    running: RELEASE,
    runningReason: null,
    active: RELEASE,
    staged: STAGED,
    wantedId: STAGED.id,
    stopped: null,
  },
  restart: {
    pending: 'yes',
    why: ['Istio 1.31.0 to 1.31.1'],
    since: NOW.toISOString(),
    command: 'systemctl restart istio',
  },
  nextPoll: NOW.toISOString(),
};

/** No process has this pid: the largest that Linux gives is 4194304. */
const NOBODY = 2 ** 22 + 1;
const dead = { ...STATUS, agent: { ...STATUS.agent, pid: NOBODY } };

describe('smm-agent status', () => {
  it('shows what runs, what is staged, and what to run', () => {
    const text = statusText(STATUS, true);
    assert.match(text, /^running +Istio 1\.31\.0 of revision default \(1\.31\.0-aaaaaaaaaaaa\)$/m);
    assert.match(text, /^staged +Istio 1\.31\.1 of revision default \(1\.31\.1-bbbbbbbbbbbb\) since 2026-11-23T12/m);
    assert.match(text, /^restart +pending since .*: Istio 1\.31\.0 to 1\.31\.1\. To switch: systemctl restart istio$/m);
  });

  it('says that the agent is dead, so that nobody takes the last turn for now', async () => {
    await using terminal = await openTerminal();
    await writeStatus(terminal.paths, dead);
    const { code, stdout } = await terminal.type(['status']);
    assert.equal(code, 0);
    assert.match(stdout, /^agent +1\.0\.0, not running \(systemctl start smm-agent\); at its last turn ready: /m);
    assert.match(stdout, /^next poll +none: the agent is not running$/m);
  });

  it('claims nothing about Istio while the agent is misconfigured, and says how to go on', () => {
    const text = statusText(misconfiguredStatus('1.0.0', 1, NOW, '/etc/smm/agent.yaml:3:1: unknown key "holds"'), true);
    assert.match(text, /^agent .*unknown key "holds"\. Once corrected: systemctl reload smm-agent$/m);
    for (const row of ['wanted', 'staged', 'restart']) assert.match(text, new RegExp(`^${row} +unknown`, 'm'));
  });

  it('prints all of it as JSON', async () => {
    await using terminal = await openTerminal();
    await writeStatus(terminal.paths, STATUS);
    assert.deepEqual(JSON.parse((await terminal.type(['status', '--json'])).stdout), STATUS);
  });

  it('says what to do when there is none yet', async () => {
    await using terminal = await openTerminal();
    const { code, stderr } = await terminal.type(['status']);
    assert.equal(code, 1);
    assert.match(stderr, /has not run since this machine was booted \(SMM603\)\n {2}what to do: run systemctl start/);
  });
});

describe('smm-agent version', () => {
  it('prints all six', async () => {
    await using terminal = await openTerminal();
    await writeStatus(terminal.paths, STATUS);
    const { stdout } = await terminal.type(['version']);
    assert.match(
      stdout,
      /^agent running +1\.0\.0\nagent installed +\S+\nagent wanted +\S+\nistio running +1\.31\.0\nistio staged +1\.31\.1\nistio wanted +1\.31\.1\n$/,
    );
  });

  it('names no running agent when none runs', async () => {
    await using terminal = await openTerminal();
    await writeStatus(terminal.paths, dead);
    assert.match((await terminal.type(['version'])).stdout, /^agent running +not running$/m);
    assert.equal(JSON.parse((await terminal.type(['version', '--json'])).stdout)['agent running'], null);
  });

  it('prints all six before the first turn too', async () => {
    await using terminal = await openTerminal();
    const { code, stdout } = await terminal.type(['version']);
    assert.equal(code, 0);
    assert.equal(stdout.match(/^(agent|istio) (running|installed|staged|wanted) +\S/gm)?.length, 6);
  });
});
