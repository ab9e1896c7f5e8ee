import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DaemonParts, runDaemon, type Session } from '../../src/daemon/daemon.ts';
import { Triggers } from '../../src/daemon/triggers.ts';
import { Watchdog } from '../../src/daemon/watchdog.ts';
import type { Log } from '../../src/host/log/log.ts';
import type { Status } from '../../src/status/status.ts';
import { failedStatus, misconfiguredStatus } from '../../src/status/unseen.ts';
import type { Ask } from '../../src/turn/dependencies.ts';
import { ManualClock } from '../support/manual-clock.ts';

const GROUP = { namespace: 'vm-apps', name: 'reviews' };
const STATUS = misconfiguredStatus('1.0.0', 1, new Date(0), 'nothing to do');

/** A daemon with a turn of the test; `settled` resolves when the turn that a trigger caused is over. */
function daemon(
  turn: (options: { ask: Ask; signal: AbortSignal }) => Promise<Status>,
  followUpMs: number | null = null,
  reason: 'follow-up' | 'probation' = 'follow-up',
  heldBack = { failures: 0, ms: 0 },
) {
  const clock = new ManualClock();
  const triggers = new Triggers();
  const ending = new AbortController();
  const lines: string[] = [];
  const says = (level: string) => (sentence: string) => void lines.push(`${level} ${sentence}`);
  const log: Log = { debug: says('debug'), info: says('info'), warn: says('warn'), error: says('error') };
  const notified: string[] = [];
  const opened: string[] = [];
  const failed: { reason: string; isRepeated: boolean }[] = [];
  let settle: (status: Status | null) => void = () => {};
  const session: Session = {
    read: null,
    problem: null,
    turn,
    failed: async (reason, isRepeated) => {
      failed.push({ reason, isRepeated });
      return failedStatus({ agentVersion: '1.0.0', pid: 1, workloadGroup: GROUP }, new Date(0), reason);
    },
    nextLook: () => (followUpMs === null ? null : { afterMs: followUpMs, reason }),
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
    heldBack,
    opened: () => {},
    began: async () => {},
    finished: async (status) => settle(status),
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
    failed,
    ended,
    first,
    next,
    end: () => ending.abort(new Error('SIGTERM')),
  };
}

describe('the daemon', () => {
  it('is READY before its first turn, which begins at once and reads everything again', async () => {
    const asked: Ask[] = [];
    const run = daemon(async ({ ask }) => {
      asked.push(ask);
      return STATUS;
    });
    await run.first;
    assert.deepEqual(asked, ['fresh']);
    assert.equal(run.notified[0], 'ready started');
    run.end();
    await run.ended;
  });

  it('reports a problem to systemd, and claims nothing about an Istio that it has not looked at', async () => {
    const run = daemon(async () => misconfiguredStatus('1.0.0', 1, new Date(0), 'agent.yaml:3:1: unknown key "holds"'));
    await run.first;
    assert.equal(run.notified.at(-1), 'misconfigured: agent.yaml:3:1: unknown key "holds"');
    run.end();
    await run.ended;
  });

  it('logs each change once, and nothing at a poll that changed nothing', async () => {
    const run = daemon(async () => STATUS);
    await run.first;
    const said = run.lines.length;
    assert.ok(said > 0);
    for (let poll = 0; poll < 3; poll++) {
      const over = run.next();
      run.triggers.fire('poll');
      await over;
    }
    assert.equal(run.lines.length, said);
    run.end();
    await run.ended;
  });

  it('reports since when and where a turn hangs, also to the control plane, and goes on after the turn', async () => {
    let turns = 0;
    const run = daemon(({ signal }) =>
      turns++ > 0
        ? Promise.resolve(STATUS)
        : new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    const over = run.first;
    await run.clock.passUntil(over, 60_000);
    const [said] = run.failed;
    assert.match(
      said?.reason ?? '',
      /^the turn has been hanging since 2026-11-23T12:00:00.000Z at the observation of the machine$/,
    );
    assert.equal(said?.isRepeated, true, 'only a repeated failure is reported to the control plane');
    assert.match(run.notified.join('\n'), /^failing: the turn has been hanging since/m);
    const next = run.next();
    run.triggers.fire('poll');
    assert.equal(await next, STATUS);
    run.end();
    await run.ended;
  });

  it('survives a turn that fails, and logs the failure once while it stays the same', async () => {
    let turns = 0;
    const run = daemon(async () => {
      turns++;
      throw new Error('the disk is gone');
    });
    assert.equal(await run.first, null);
    const over = run.next();
    run.triggers.fire('poll');
    assert.equal(await over, null);
    assert.equal(turns, 2);
    assert.deepEqual(run.lines, ['error cannot complete the turn: the disk is gone']);
    const reason = 'cannot complete the turn: the disk is gone';
    assert.deepEqual(run.failed, [
      { reason, isRepeated: false },
      { reason, isRepeated: true },
    ]);
    assert.equal(run.notified.at(-1), `failing: ${reason}`, 'systemd is not left with the status of before');
    run.end();
    await run.ended;
  });

  it('reads the configuration again when asked, and stops the old schedule', async () => {
    const run = daemon(async () => STATUS);
    await run.first;
    const over = run.next();
    run.triggers.fire('reload');
    await over;
    assert.deepEqual(run.opened, ['opened', 'stopped', 'opened']);
    run.end();
    await run.ended;
  });

  it('makes a follow-up turn when there is a reason to', async () => {
    const run = daemon(async () => STATUS, 5_000);
    await run.first;
    const over = run.next();
    // The wait begins after the turn is over.
    await Promise.resolve();
    run.clock.pass(5_000);
    await over;
    run.end();
    await run.ended;
  });

  it('asks the control plane again at a poll, and not at an event of this machine', async () => {
    const asked: Ask[] = [];
    const run = daemon(async ({ ask }) => {
      asked.push(ask);
      return STATUS;
    });
    await run.first;
    for (const reasons of [
      ['poll'],
      ['istio'],
      ['follow-up', 'istio'],
      ['istio', 'poll'],
      ['reconcile', 'istio'],
    ] as const) {
      const over = run.next();
      for (const reason of reasons) run.triggers.fire(reason);
      await over;
    }
    assert.deepEqual(asked, ['fresh', 'poll', 'recent', 'recent', 'poll', 'fresh']);
    run.end();
    await run.ended;
  });

  it('plans one follow-up turn at a time, even if many turns have a reason for one, and with growing waits', async () => {
    let turns = 0;
    const run = daemon(async () => {
      turns++;
      return STATUS;
    }, 5_000);
    await run.first;
    const pass = async (seconds: number) => {
      for (let passed = 0; passed < seconds; passed++) {
        run.clock.pass(1_000);
        if (passed % 60 === 0) run.triggers.fire('poll');
        await new Promise(setImmediate);
      }
    };
    await pass(60);
    assert.ok(turns <= 15, `${turns} turns in the first minute`);
    await pass(20 * 60);
    const before = turns;
    await pass(20 * 60);
    assert.ok(turns - before <= 25, `${turns - before} turns in 20 minutes, with 20 polls`);
    run.end();
    await run.ended;
  });

  it('makes a turn at least once a minute as long as it is on probation', async () => {
    let turns = 0;
    const turn = async () => {
      turns++;
      return STATUS;
    };
    const run = daemon(turn, 10_000, 'probation');
    await run.first;
    for (let minute = 0; minute < 120; minute++) {
      const before = turns;
      for (let second = 0; second < 60; second++) {
        await new Promise(setImmediate);
        run.clock.pass(1_000);
      }
      await new Promise(setImmediate);
      assert.ok(turns > before, `none in minute ${minute}`);
    }
    run.end();
    await run.ended;
  });

  it('waits before its first turn after failures; only an operator ends that wait, not a poll', async () => {
    for (const asks of [null, 'reconcile', 'reload'] as const) {
      let turns = 0;
      const turn = async () => {
        turns++;
        return STATUS;
      };
      const run = daemon(turn, null, 'follow-up', { failures: 4, ms: 20_000 });
      await new Promise(setImmediate);
      run.clock.pass(19_999);
      for (const reason of ['poll', 'istio'] as const) run.triggers.fire(reason);
      for (let round = 0; round < 10; round++) await new Promise(setImmediate);
      const why = 'waiting 20 s before the first turn: the agent failed 4 times in a row';
      assert.deepEqual([turns, run.notified, run.lines], [0, [`ready ${why}`, `failing: ${why}`], [`warn ${why}`]]);
      assert.deepEqual(run.failed, [{ reason: why, isRepeated: false }], 'on this machine, not in the cluster');
      if (asks === null) run.clock.pass(1);
      else run.triggers.fire(asks);
      await run.first;
      assert.equal(turns, 1);
      // From then on it makes turns as usual.
      const over = run.next();
      run.triggers.fire('poll');
      await over;
      run.end();
      await run.ended;
    }
  });

  it('ends in the middle of a turn that ignores the signal', async () => {
    const run = daemon(() => new Promise(() => {}));
    await Promise.resolve();
    run.end();
    await run.ended;
    assert.deepEqual(run.lines, []);
  });

  it('ends in the middle of a turn', async () => {
    const run = daemon(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    await Promise.resolve();
    run.end();
    await run.ended;
    assert.deepEqual(run.lines, []);
  });

  it('cuts off a request to the control plane that a turn still waits for', async () => {
    const run = daemon(async () => {
      // The request has no signal: only the end of the schedule closes its connection.
      while (!run.opened.includes('stopped')) await new Promise((resolve) => setImmediate(resolve));
      return STATUS;
    });
    await new Promise((resolve) => setImmediate(resolve));
    run.end();
    await run.ended;
    assert.deepEqual(run.opened.slice(0, 2), ['opened', 'stopped']);
  });
});
