import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Io } from '../../src/base/cli/io.ts';
import { waitForUpgrade } from '../../src/cli/upgrade-wait.ts';
import { writeActivity } from '../../src/daemon/activity.ts';
import { systemClock } from '../../src/host/clock.ts';
import { writeStatus } from '../../src/status/file.ts';
import type { Status, UpgradeSummary } from '../../src/status/status.ts';
import { misconfiguredStatus } from '../../src/status/unseen.ts';
import { NOW } from '../support/observed.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';

const PROBATION = { version: '0.3.0', from: '0.2.0', begun: NOW.toISOString(), prolonged: 0 };
const UPGRADE: UpgradeSummary = {
  running: '0.2.0',
  installed: '0.2.0',
  previous: null,
  wanted: '0.3.0',
  heldBy: null,
  state: 'waiting',
  reason: 'it is tried again',
  probation: null,
};

/** A clock on which each look finds the next of these. */
async function waited(terminal: Terminal, looks: Partial<UpgradeSummary>[]): Promise<{ said: string; slept: number }> {
  let said = '';
  let slept = 0;
  const write = (look: Partial<UpgradeSummary> | undefined) => {
    const status: Status = { ...misconfiguredStatus('0.2.0', process.pid, NOW, ''), upgrade: { ...UPGRADE, ...look } };
    return writeStatus(terminal.paths, status);
  };
  await writeActivity(terminal.paths, {
    format: 1,
    pid: process.pid,
    version: '0.2.0',
    startedAt: NOW.toISOString(),
    turn: null,
  });
  await write(looks[0]);
  const sleep = async () => {
    slept++;
    if (looks[slept] !== looks[slept - 1]) await write(looks[slept]);
  };
  const io = { stdout: { write: (text: string) => (said += text) }, paths: terminal.paths } as unknown as Io;
  await waitForUpgrade(io, { ...systemClock, bootTimeMs: () => slept * 1_000, sleep });
  return { said, slept };
}

describe('smm-agent reconcile --wait', () => {
  it('waits until switch and probation are over, and says which version runs', async () => {
    await using terminal = await openTerminal();
    const looks: Partial<UpgradeSummary>[] = [
      { installed: '0.3.0' },
      { running: '0.3.0', installed: '0.3.0', state: 'probation', probation: PROBATION },
      { running: '0.3.0', installed: '0.3.0', state: 'current', reason: null },
    ];
    assert.deepEqual(await waited(terminal, looks), { said: 'smm-agent 0.3.0 runs, as wanted\n', slept: 2 });
  });

  it('fails when the version was rolled back, and gives the reason', async () => {
    await using terminal = await openTerminal();
    const looks: Partial<UpgradeSummary>[] = [
      { installed: '0.3.0' },
      { state: 'rejected', reason: 'it ended by itself' },
    ];
    await assert.rejects(waited(terminal, looks), /0\.2\.0 runs, and 0\.3\.0 is wanted: rejected: it ended by itself/);
  });

  it('does not wait if no upgrade is under way, and never waits for ever', async () => {
    await using terminal = await openTerminal();
    const off = { wanted: null, state: 'off' } as const;
    assert.deepEqual(await waited(terminal, [off]), {
      said: 'smm-agent 0.2.0 runs, and no version is wanted\n',
      slept: 0,
    });
    await assert.rejects(
      waited(terminal, Array(2_000).fill({ installed: '0.3.0' })),
      /cannot tell how the agent's upgrade ends/,
    );
  });
});
