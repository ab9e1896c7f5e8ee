/** The daemon: what makes turns begin, and what happens around them. */

import { AgentError, describeError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Clock } from '../host/clock.ts';
import { checkpoint } from '../host/files/checkpoints.ts';
import type { Log } from '../host/log/log.ts';
import type { ConfigInEffect } from '../observation/settings.ts';
import type { Status } from '../status/status.ts';
import { announce, announceTarget, type Line } from '../status/views/journal.ts';
import { statusLine } from '../status/views/status-line.ts';
import type { TurnOptions } from '../turn/dependencies.ts';
import type { Tell } from '../turn/events.ts';
import type { HeldBack } from './failed-starts.ts';
import { FollowUp, type NextLook } from './follow-up.ts';
import type { Notifier } from './notifier.ts';
import { askFor, TRIGGERS, type TriggerName, type Triggers } from './triggers.ts';
import { supervised, TurnStuck } from './turn-supervisor.ts';
import type { Watchdog } from './watchdog.ts';

/** One configuration's life: made when the configuration is read, given up when it is read again. */
export interface Session {
  /** The configuration that is in effect, for the next session to go on with should the file have errors then; null without one. */
  read: { config: Config; inEffect: ConfigInEffect } | null;
  /** Why the file on disk is not in effect; null when it is. */
  problem: string | null;
  turn(options: Pick<TurnOptions, 'ask' | 'isTyped' | 'nextPoll' | 'tell' | 'onTarget' | 'signal'>): Promise<Status>;
  /**
   * Says that a turn failed as a whole: the last status would else stand there as if it were still so. `isRepeated` when the
   * turn before failed too.
   */
  failed(reason: string, isRepeated: boolean): Promise<Status>;
  /** The look that is due although nothing triggers one, null when there is no reason to; `status` is null after a turn that failed. */
  nextLook(status: Status | null): NextLook | null;
  /** Begins to fire triggers; returns the next poll and what ends it, requests that are under way included. `stop` may be called twice. */
  start(triggers: Triggers): Promise<{ nextPoll(): Date | null; stop(): void }>;
}

export interface DaemonParts {
  clock: Clock;
  log: Log;
  notifier: Notifier;
  watchdog: Watchdog;
  triggers: Triggers;
  /**
   * Reads the configuration. One with errors gives a session that goes on with what the one before had read; without that, one that says
   * so and does nothing else.
   */
  open(before: Session | null): Promise<Session>;
  /** The configuration was read again at somebody's request. */
  opened(session: Session): void;
  /** Called before each turn with its reasons. */
  began(reasons: TriggerName[]): Promise<void>;
  /** Everyone who listens to what a turn does. */
  tell: Tell;
  heldBack: HeldBack;
  /** Called after each turn; the status is null when the turn as a whole failed. */
  finished(status: Status | null): Promise<void>;
}

/** Runs until `signal` is aborted, then returns within seconds from any phase: every step can be cut off. */
export async function runDaemon(parts: DaemonParts, signal: AbortSignal): Promise<void> {
  const { log, notifier, triggers, watchdog } = parts;
  let session = await parts.open(null);
  let schedule = await session.start(triggers);
  // A request may wait for its answer for longer than systemd waits for the end.
  signal.addEventListener('abort', () => schedule.stop(), { once: true });
  let previous: Status | null = null;
  let target: Status['target'] | null = null;
  let failure: string | null = null;
  const onTarget = (next: Status['target']) => {
    write(announceTarget(target, next), log);
    target = next;
  };
  const followUp = new FollowUp(parts);
  let isHeldBack = await begin(session, parts, signal);
  for (;;) {
    const reasons = await triggers.next(signal);
    if (signal.aborted) break;
    // An operator's request ends the wait, as its end does; polls, and what happens on this machine, do not.
    isHeldBack &&= askFor(reasons) !== 'anew';
    if (isHeldBack) continue;
    if (reasons.includes('reload')) {
      schedule.stop();
      session = await parts.open(session);
      schedule = await session.start(triggers);
      // What is wrong with it the status says.
      if (session.problem === null) log.info('read the configuration again');
      parts.opened(session);
    }
    await parts.began(reasons);
    watchdog.moved();
    const outcome = await oneTurn(session, parts, { reasons, nextPoll: schedule.nextPoll(), onTarget }, signal);
    watchdog.resting();
    if (signal.aborted) break;
    if ('failure' in outcome) {
      // A failure that repeats at each poll is one line, not one for each poll.
      if (outcome.failure !== failure) log.error(outcome.failure, { remedy: outcome.remedy });
      await tellFailure(session, outcome.failure, failure !== null, parts);
      failure = outcome.failure;
      await parts.finished(null);
      followUp.plan(session.nextLook(null), reasons);
      continue;
    }
    if (failure !== null) log.info('the turn was completed again');
    failure = null;
    const { status } = outcome;
    write(announce(previous, status), log);
    previous = status;
    await notifier.status(statusLine(status));
    await parts.finished(status);
    followUp.plan(session.nextLook(status), reasons);
  }
  followUp.stop();
  schedule.stop();
}

/** Says READY, and has the first turn begin: at once, or later where the daemon is held back, which is what this returns. */
async function begin(session: Session, parts: DaemonParts, signal: AbortSignal): Promise<boolean> {
  const { clock, log, notifier, triggers } = parts;
  const { failures, ms } = parts.heldBack;
  const isHeldBack = ms > 0;
  const why = `held back for ${Math.ceil(ms / 1000)} s: the agent has ended ${failures} times before it had completed a turn`;
  await notifier.ready(isHeldBack ? why : 'started');
  checkpoint('agent-ready');
  if (isHeldBack) {
    log.warn(why, { remedy: 'see what it said before; smm-agent reconcile has it look at once' });
    // Else there stands what an earlier process found.
    await tellFailure(session, why, false, parts);
  }
  const first = isHeldBack ? clock.sleep(ms, signal) : Promise.resolve();
  first.then(
    () => triggers.fire('start'),
    (error: unknown) => {
      if (!signal.aborted) log.error(`cannot wait: ${describeError(error)}`);
    },
  );
  return isHeldBack;
}

function write(lines: readonly Line[], log: Log): void {
  for (const { level, sentence, fields } of lines) log[level](sentence, fields);
}

type Outcome = { status: Status } | { failure: string; remedy: string };

/** A turn that fails as a whole is an outcome: it is said, and tried again at the next trigger. */
async function oneTurn(
  session: Session,
  parts: DaemonParts,
  { reasons, ...options }: { reasons: readonly TriggerName[] } & Pick<TurnOptions, 'nextPoll' | 'onTarget'>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { clock, log, tell, watchdog } = parts;
  const moving: Tell = (event) => {
    watchdog.moved();
    tell(event);
  };
  const hangs = (sentence: string) => {
    log.error(sentence);
    // As a failure that goes on: the control plane is told at once.
    void tellFailure(session, sentence, true, parts);
  };
  try {
    const asked = { ask: askFor(reasons), isTyped: reasons.some((reason) => TRIGGERS[reason].isTyped) };
    const turn = supervised((told, cut) => session.turn({ ...asked, ...options, tell: told, signal: cut }), {
      clock,
      tell: moving,
      signal,
      hangs,
    });
    return { status: await untilAborted(turn, signal) };
  } catch (error) {
    if (error instanceof TurnStuck) throw error;
    const remedy = error instanceof AgentError ? error.remedy : 'it is tried again at the next poll';
    const failure = `cannot complete the turn: ${describeError(error)}`;
    if (!signal.aborted) tell({ kind: 'failed', step: 'turn', text: failure, remedy });
    return { failure, remedy };
  }
}

/** As `work`, and rejects at once when the daemon ends: each step can be cut off, so nobody waits for one that takes its time. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const end = () => reject(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

async function tellFailure(
  session: Session,
  failure: string,
  isRepeated: boolean,
  { log, notifier }: DaemonParts,
): Promise<void> {
  try {
    await notifier.status(statusLine(await session.failed(failure, isRepeated)));
  } catch (error) {
    if (!isRepeated) log.error(`cannot say that the turn failed: ${describeError(error)}`);
  }
}
