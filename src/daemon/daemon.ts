/** The daemon's loop: waits for triggers, makes turns, and reports their results. */

import { AgentError, describeError, isAgentError } from '../base/errors.ts';
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

/** Made when the configuration is read, and replaced when it is read again. */
export interface Session {
  /** The configuration in effect, which the next session keeps if the file has errors then; null if there is none. */
  read: { config: Config; inEffect: ConfigInEffect } | null;
  /** Why the file on disk is not in effect; null when it is. */
  problem: string | null;
  turn(options: Pick<TurnOptions, 'ask' | 'isTyped' | 'nextPoll' | 'tell' | 'onTarget' | 'signal'>): Promise<Status>;
  /**
   * Reports that a turn failed as a whole: otherwise the last status would seem to be up to date. `isRepeated`: the
   * turn before failed too.
   */
  failed(reason: string, isRepeated: boolean): Promise<Status>;
  /** The next follow-up turn, or null if none is needed; `status` is null after a turn that failed. */
  nextLook(status: Status | null): NextLook | null;
  /** Begins to fire triggers. `stop` ends that, and cuts off requests that are under way; it may be called twice. */
  start(triggers: Triggers): Promise<{ nextPoll(): Date | null; stop(): void }>;
}

export interface DaemonParts {
  clock: Clock;
  log: Log;
  notifier: Notifier;
  watchdog: Watchdog;
  triggers: Triggers;
  /**
   * Reads the configuration. If the file has errors, the session keeps the configuration of `before`. If there is none,
   * the session only reports the errors.
   */
  open(before: Session | null): Promise<Session>;
  /** Called after the configuration was read again by request. */
  opened(session: Session): void;
  /** Called before each turn with its reasons. */
  began(reasons: TriggerName[]): Promise<void>;
  /** Gets each event of a turn. */
  tell: Tell;
  heldBack: HeldBack;
  /** Called after each turn; the status is null when the turn as a whole failed. */
  finished(status: Status | null): Promise<void>;
}

/** Runs until `signal` is aborted, then returns within seconds: every step can be cut off. */
export async function runDaemon(parts: DaemonParts, signal: AbortSignal): Promise<void> {
  const { log, notifier, triggers, watchdog } = parts;
  let session = await parts.open(null);
  let schedule = await session.start(triggers);
  // Cut off requests to the control plane: one may wait longer for its answer than systemd waits for the end of the
  // agent.
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
    // The wait before the first turn ends at its time or at an operator's request, not at a poll or an event of this
    // machine.
    isHeldBack &&= askFor(reasons) !== 'fresh';
    if (isHeldBack) continue;
    if (reasons.includes('reload')) {
      schedule.stop();
      session = await parts.open(session);
      schedule = await session.start(triggers);
      // If the file has errors, the status says so.
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
    if (failure !== null) log.info('turns succeed again');
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

/** Sends READY, and triggers the first turn, at once or after a wait. Returns whether the daemon waits. */
async function begin(session: Session, parts: DaemonParts, signal: AbortSignal): Promise<boolean> {
  const { clock, log, notifier, triggers } = parts;
  const { failures, ms } = parts.heldBack;
  const isHeldBack = ms > 0;
  const why = `waiting ${Math.ceil(ms / 1000)} s before the first turn: the agent failed ${failures} times in a row`;
  await notifier.ready(isHeldBack ? why : 'started');
  checkpoint('agent-ready');
  if (isHeldBack) {
    log.warn(why, { remedy: 'see earlier log lines; smm-agent reconcile starts the turn at once' });
    // Otherwise the status would show the facts of an earlier process.
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

/** Does not reject if the turn fails as a whole: the failure is reported, and the next trigger tries again. */
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
    // `isRepeated` is true, so that the failure reaches the control plane at once.
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
    const remedy = error instanceof AgentError ? error.remedy : 'nothing: the next poll tries again';
    // The error of a turn that was cut off already says that the turn cannot be finished.
    const failure = isAgentError(error, 'SMM514')
      ? describeError(error)
      : `cannot complete the turn: ${describeError(error)}`;
    if (!signal.aborted) tell({ kind: 'failed', step: 'turn', text: failure, remedy });
    return { failure, remedy };
  }
}

/**
 * Resolves as `work`, or rejects at once when the daemon ends: a slow step must not delay that, and each step can be
 * cut off.
 */
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
    if (!isRepeated) log.error(`cannot report that the turn failed: ${describeError(error)}`);
  }
}
