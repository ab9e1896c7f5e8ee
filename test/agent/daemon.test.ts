import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DaemonParts, RELOAD, runDaemon, type Session } from '../../src/agent/daemon.ts';
import { misconfiguredStatus, type Status } from '../../src/agent/status.ts';
import { Triggers } from '../../src/agent/triggers.ts';
import { Watchdog } from '../../src/agent/watchdog.ts';
import type { Log } from '../../src/host/log.ts';
import { ManualClock } from './manual-clock.ts';

const STATUS = misconfiguredStatus('1.0.0', 1, new Date(0), 'nothing to do');

/** A daemon whose turns are the test's; `settled` resolves when the turn that a trigger caused is over. */
function daemon(
  turn: (options: { refresh: boolean; signal: AbortSignal }) => Promise<Status>,
  followUpMs: number | null = null,
) {
  const clock = new ManualClock();
  const triggers = new Triggers();
  const ending = new AbortController();
  const lines: string[] = [];
  const says = (level: string) => (sentence: string) => void lines.push(`${level} ${sentence}`);
  const log: Log = { debug: says('debug'), info: says('info'), warn: says('warn'), error: says('error') };
  const notified: string[] = [];
  const opened: string[] = [];
  let settle: (status: Status | null) => void = () => {};
  const session: Session = {
    turn,
    followUpMs: () => followUpMs,
    start: async () => ({ nextPoll: () => null, stop: () => void opened.push('stopped') }),
  };
  const parts: DaemonParts = {
    clock,
    log,
    triggers,
    watchdog: new Watchdog(clock),
    notifier: {
      ready: async (status) => void notified.push(`ready ${status}`),
      status: async (status) => void notified.push(status),
      watchdog: async () => {},
    },
    open: async () => {
      opened.push('opened');
      return session;
    },
    tell: () => {},
    finished: (_, status) => settle(status),
  };
  const next = () => new Promise<Status | null>((resolve) => (settle = resolve));
  const first = next();
  const ended = runDaemon(parts, ending.signal);
  return {
    clock,
    triggers,
    lines,
    notified,
    opened,
    ended,
    first,
    next,
    end: () => ending.abort(new Error('SIGTERM')),
  };
}

describe('the daemon', () => {
  it('is READY before its first turn, then takes one at once and reads everything anew', async () => {
    const refreshed: boolean[] = [];
    const it = daemon(async ({ refresh }) => {
      refreshed.push(refresh);
      return STATUS;
    });
    await it.first;
    assert.deepEqual(refreshed, [true]);
    assert.equal(it.notified[0], 'ready started');
    it.end();
    await it.ended;
  });

  it('says each change once, and nothing at a poll that changed nothing', async () => {
    const it = daemon(async () => STATUS);
    await it.first;
    const said = it.lines.length;
    assert.ok(said > 0);
    for (let poll = 0; poll < 3; poll++) {
      const over = it.next();
      it.triggers.fire('poll');
      await over;
    }
    assert.equal(it.lines.length, said);
    it.end();
    await it.ended;
  });

  it('survives a turn that fails, and says the failure once while it stays the same', async () => {
    let turns = 0;
    const it = daemon(async () => {
      turns++;
      throw new Error('the disk is gone');
    });
    assert.equal(await it.first, null);
    const over = it.next();
    it.triggers.fire('poll');
    assert.equal(await over, null);
    assert.equal(turns, 2);
    assert.deepEqual(it.lines, ['error cannot complete the turn: the disk is gone']);
    it.end();
    await it.ended;
  });

  it('reads the configuration again when asked, and stops the old schedule', async () => {
    const it = daemon(async () => STATUS);
    await it.first;
    const over = it.next();
    it.triggers.fire(RELOAD);
    await over;
    assert.deepEqual(it.opened, ['opened', 'stopped', 'opened']);
    it.end();
    await it.ended;
  });

  it('looks again by itself when there is a reason to', async () => {
    const it = daemon(async () => STATUS, 5_000);
    await it.first;
    const over = it.next();
    // The wait begins after the turn is over.
    await Promise.resolve();
    it.clock.pass(5_000);
    await over;
    it.end();
    await it.ended;
  });

  it('ends in the middle of a turn', async () => {
    const it = daemon(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    await Promise.resolve();
    it.end();
    await it.ended;
    assert.deepEqual(it.lines, []);
  });
});
