/**
 * When the agent polls: a cron expression, and for each host a phase of its own, so that 100,000 machines do not ask in the
 * same second; a random part on top keeps hosts that share a phase from marching in step.
 */
import { createHash } from 'node:crypto';
import { describeError } from '../base/errors.ts';
import type { Clock } from '../host/clock.ts';
import type { Log } from '../host/log/log.ts';

export interface Ticker {
  /** The next time at which the expression matches, without the delay. */
  next(): Date | null;
  stop(): void;
}

/** Half of the jitter is the host's phase, fixed; the other half is random for each tick. Milliseconds. */
export function tickDelayMs(host: string, jitterSeconds: number, random: () => number): number {
  const halfMs = (jitterSeconds * 1000) / 2;
  const phase = createHash('sha256').update(host).digest().readUInt32BE(0) / 2 ** 32;
  return Math.round(halfMs * phase + halfMs * random());
}

/** Calls `tick` at each match of `expression`, delayed. */
export async function startTicking(
  expression: string,
  delayMs: () => number,
  { clock, log }: { clock: Clock; log: Log },
  tick: () => void,
): Promise<Ticker> {
  const { createTask } = await import('node-cron');
  // Only asked for times, never started: its own timer waits for a time of the wall clock, so that a clock that is set
  // back by hours (an RTC in local time, before NTP) would stop the polls for as long.
  const task = createTask(expression, () => {});
  const next = () => task.getNextRuns(1)[0] ?? null;
  const stopped = new AbortController();
  tickAt(next, delayMs, clock, tick, stopped.signal).catch((error: unknown) => {
    if (!stopped.signal.aborted) log.error(`cannot poll any more: ${describeError(error)}`);
  });
  return { next, stop: () => stopped.abort() };
}

/** The wall clock is looked at again after this long. */
const LONGEST_SLEEP_MS = 60_000;

/**
 * Calls `tick` each time that the wall clock reaches `nextMatch`, delayed; a match during the delay is dropped. Whatever the
 * clock jumps, the next tick comes within the time to the next match and a minute. Rejects when `signal` is aborted.
 */
export async function tickAt(
  nextMatch: () => Date | null,
  delayMs: () => number,
  clock: Clock,
  tick: () => void,
  signal: AbortSignal,
): Promise<void> {
  for (let match = nextMatch(); match !== null; match = nextMatch()) {
    for (;;) {
      const waitMs = match.getTime() - clock.now().getTime();
      if (waitMs <= 0) break;
      await clock.sleep(Math.min(waitMs, LONGEST_SLEEP_MS), signal);
      const earlier = nextMatch();
      // The clock was set back: another match comes first.
      if (earlier !== null && earlier < match) match = earlier;
    }
    await clock.sleep(delayMs(), signal);
    tick();
  }
}
