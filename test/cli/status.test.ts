import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { watchStatus } from '../../src/cli/status.ts';
import { statusText } from '../../src/cli/status-text.ts';
import { writeActivity } from '../../src/daemon/activity.ts';
import { systemClock } from '../../src/host/clock.ts';
import { writeStatus } from '../../src/status/file.ts';
import type { Status } from '../../src/status/status.ts';
import { misconfiguredStatus } from '../../src/status/unseen.ts';
import { NOW } from '../support/observed.ts';
import { openTerminal } from '../support/terminal.ts';

const RELEASE = { id: '1.31.0-aaaaaaaaaaaa', istioVersion: '1.31.0', revision: 'default', problems: [] };
const STAGED = { ...RELEASE, id: '1.31.1-bbbbbbbbbbbb', istioVersion: '1.31.1', since: NOW.toISOString() };

const STATUS: Status = {
  ...misconfiguredStatus('1.0.0', process.pid, NOW, ''),
  agent: {
    version: '1.0.0',
    pid: process.pid,
    state: 'ready',
    reason: 'the wanted Istio is staged and waits for a restart',
  },
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

/** No process has this pid: the largest pid of Linux is 4194304. */
const NO_PID = 2 ** 22 + 1;
const dead = { ...STATUS, agent: { ...STATUS.agent, pid: NO_PID } };

describe('smm-agent status', () => {
  it('shows the running and the staged release, and the command to switch', () => {
    const text = statusText(STATUS, { is: 'idle' });
    assert.match(text, /^running +Istio 1\.31\.0 of revision default \(1\.31\.0-aaaaaaaaaaaa\)$/m);
    assert.match(text, /^staged +Istio 1\.31\.1 of revision default \(1\.31\.1-bbbbbbbbbbbb\) since 2026-11-23T12/m);
    assert.match(text, /^restart +pending since .*: Istio 1\.31\.0 to 1\.31\.1\. To switch: systemctl restart istio$/m);
  });

  it('says that the agent is not running, so that the last turn is not taken for the present', async () => {
    await using terminal = await openTerminal();
    await writeStatus(terminal.paths, dead);
    const { code, stdout } = await terminal.type(['status']);
    assert.equal(code, 0);
    assert.match(stdout, /^agent +1\.0\.0, not running \(systemctl start smm-agent\); at its last turn ready: /m);
    assert.match(stdout, /^next poll +none: the agent is not running$/m);
  });

  it('says that the agent is starting, or that a turn is under way, since the rows may be out of date', async () => {
    await using terminal = await openTerminal();
    const activity = { format: 1, pid: process.pid, version: '1.1.0', startedAt: NOW.toISOString() } as const;
    await writeStatus(terminal.paths, dead);
    await writeActivity(terminal.paths, { ...activity, turn: { since: NOW.toISOString(), reasons: ['start'] } });
    const starting = (await terminal.type(['status'])).stdout;
    assert.match(
      starting,
      /^agent +1\.1\.0, starting since 2026-11-23T12:00:00\.000Z: its first turn is not over yet; the rows below are older/m,
    );
    await writeStatus(terminal.paths, STATUS);
    await writeActivity(terminal.paths, { ...activity, turn: { since: NOW.toISOString(), reasons: ['reload'] } });
    assert.match(
      (await terminal.type(['status'])).stdout,
      /^turn +under way since 2026-11-23T12\S+ \(reload\); the rows below show the turn before$/m,
    );
    await writeActivity(terminal.paths, { ...activity, turn: null });
    assert.doesNotMatch((await terminal.type(['status'])).stdout, /^turn/m);
  });

  it('shows each change while it is watched, and the same status once', async () => {
    await using terminal = await openTerminal();
    const [ended, shown] = [new AbortController(), [] as string[]];
    let looks = 0;
    const sleep = async () => {
      looks++;
      if (looks === 3) await writeStatus(terminal.paths, STATUS);
      if (looks === 6) ended.abort();
    };
    const output = { write: (text: string) => shown.push(text) };
    const io = { stdout: output, stderr: output, stdin: (async function* () {})(), env: {}, paths: terminal.paths };
    await watchStatus(io, { ...systemClock, sleep }, ended.signal);
    assert.equal(shown.length, 2);
    assert.match(shown[0] ?? '', /^cannot show a status/);
    assert.match(shown[1] ?? '', /^\nagent +1\.0\.0, ready/);
  });

  it('shows a long reason once, and "unknown" for everything that was not looked at', () => {
    const reason = 'cannot get namespaces "vm-apps": no connection to https://10.0.0.1:6443 (ECONNREFUSED); check it';
    const text = statusText(
      {
        ...STATUS,
        agent: { ...STATUS.agent, state: 'waiting', reason },
        target: { answer: 'unreachable', revision: null, istioVersion: null, reason },
        notDone: [{ step: 'stage', reason }],
      },
      { is: 'idle' },
    );
    assert.equal(text.split(reason).length, 2, text);
    assert.match(text, /^wanted +unreachable: as above$/m);
    assert.match(text, /^not done +stage: as above$/m);
    const unseen = statusText(misconfiguredStatus('1.0.0', 1, NOW, 'wrong'), { is: 'idle' });
    assert.match(unseen, /^running +unknown: not looked at: the configuration has errors$/m);
  });

  it('says between which times the agent polls, and how to start a stopped Istio', () => {
    const stopped = { since: NOW.toISOString(), by: 'an operator' };
    const nextPoll = new Date(NOW.getTime() + 60_000).toISOString();
    const nextPollBy = new Date(NOW.getTime() + 80_000).toISOString();
    const text = statusText({ ...STATUS, nextPoll, nextPollBy, istio: { ...STATUS.istio, stopped } }, { is: 'idle' });
    assert.match(text, /^next poll +between 2026-11-23T12:01:00\.000Z and 2026-11-23T12:01:20\.000Z$/m);
    assert.match(text, /^stopped +since .*, by an operator; to start it: systemctl start istio$/m);
  });

  it('says that a poll is due if its time is not after the time of the status', () => {
    const at = (ms: number) => new Date(NOW.getTime() + ms).toISOString();
    const shown = (nextPoll: string, nextPollBy?: string) =>
      statusText({ ...STATUS, nextPoll, ...(nextPollBy === undefined ? {} : { nextPollBy }) }, { is: 'idle' });
    assert.match(shown(at(0)), /^next poll +due now$/m);
    assert.match(shown(at(-5000), at(-1000)), /^next poll +due now$/m);
    assert.match(shown(at(-5000), at(15_000)), /^next poll +due now, by 2026-11-23T12:00:15\.000Z at the latest$/m);
    assert.match(shown(at(1000)), /^next poll +2026-11-23T12:00:01\.000Z$/m);
  });

  it('exits with 78 while the agent is misconfigured', async () => {
    await using terminal = await openTerminal();
    await writeStatus(terminal.paths, misconfiguredStatus('1.0.0', process.pid, NOW, 'wrong'));
    assert.equal((await terminal.type(['status'])).code, 78);
  });

  it('claims nothing about Istio while the agent is misconfigured, and says what to do', () => {
    const text = statusText(misconfiguredStatus('1.0.0', 1, NOW, '/etc/smm/agent.yaml:3:1: unknown key "holds"'), {
      is: 'idle',
    });
    assert.match(text, /^agent .*unknown key "holds"\. Once corrected: systemctl reload smm-agent$/m);
    for (const row of ['wanted', 'staged', 'restart']) assert.match(text, new RegExp(`^${row} +unknown`, 'm'));
  });

  it('prints the whole status as JSON', async () => {
    await using terminal = await openTerminal();
    await writeStatus(terminal.paths, STATUS);
    assert.deepEqual(JSON.parse((await terminal.type(['status', '--json'])).stdout), STATUS);
  });

  it('says what to do when there is no status yet', async () => {
    await using terminal = await openTerminal();
    const { code, stderr } = await terminal.type(['status']);
    assert.equal(code, 1);
    assert.match(stderr, /has not run since this machine was booted \(SMM603\)\n {2}what to do: run systemctl start/);
  });
});

describe('smm-agent status of an agent that is held', () => {
  const upgrade = {
    running: '1.0.0',
    installed: '1.0.0',
    previous: null,
    wanted: '1.0.0',
    heldBy: 'ConfigMap smm-agent',
    state: 'current',
    reason: null,
    probation: null,
  } as const;

  it('says so also while no upgrade is due', () => {
    const text = statusText({ ...STATUS, upgrade }, { is: 'idle' });
    assert.match(text, /^upgrade +running 1\.0\.0, .*; current; held by ConfigMap smm-agent$/m);
    assert.doesNotMatch(statusText({ ...STATUS, upgrade: { ...upgrade, heldBy: null } }, { is: 'idle' }), /held by/);
  });

  it('names the group of the token, and until when the token is valid', () => {
    const token = { group: { namespace: 'vm-apps', name: 'reviews' }, validUntil: NOW.toISOString() };
    const text = statusText({ ...STATUS, token }, { is: 'idle' });
    assert.match(text, /^token +of group vm-apps\/reviews, valid until 2026-11-23T12:00:00\.000Z$/m);
  });
});

describe('smm-agent version', () => {
  it('says that nothing is staged, as smm-agent status does', async () => {
    await using terminal = await openTerminal();
    const nothing = { ...STATUS, istio: { ...STATUS.istio, staged: null } };
    await writeStatus(terminal.paths, nothing);
    assert.match((await terminal.type(['version'])).stdout, /^istio staged +nothing$/m);
    assert.match(statusText(nothing, { is: 'idle' }), /^staged +nothing$/m);
  });

  it('prints all six versions', async () => {
    await using terminal = await openTerminal();
    await writeStatus(terminal.paths, STATUS);
    const { stdout } = await terminal.type(['version']);
    assert.match(
      stdout,
      /^agent running +1\.0\.0\nagent installed +\S+\nagent wanted +\S+\nistio running +1\.31\.0 of revision default\nistio staged +1\.31\.1 of revision default\nistio wanted +1\.31\.1 of revision default\n$/,
    );
  });

  it('names no running agent when none runs', async () => {
    await using terminal = await openTerminal();
    await writeStatus(terminal.paths, dead);
    assert.match((await terminal.type(['version'])).stdout, /^agent running +not running$/m);
    assert.equal(JSON.parse((await terminal.type(['version', '--json'])).stdout)['agent running'], null);
  });

  it('prints all six also before the first turn', async () => {
    await using terminal = await openTerminal();
    const { code, stdout } = await terminal.type(['version']);
    assert.equal(code, 0);
    assert.equal(stdout.match(/^(agent|istio) (running|installed|staged|wanted) +\S/gm)?.length, 6);
  });
});
