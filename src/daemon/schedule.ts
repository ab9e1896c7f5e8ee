/**
 * When the agent polls: at the times of a cron expression, plus a delay. One part of the delay is fixed for each host,
 * so that 100,000 machines do not poll in the same second. The other part is random, so that hosts with the same fixed
 * part differ.
 */
import { createHash } from 'node:crypto';
import { describeError } from '../base/errors.ts';
import type { Clock } from '../host/clock.ts';
import type { Log } from '../host/log/log.ts';

export interface Ticker {
  /** The next match of the expression, without the delay. */
  next(): Date | null;
  stop(): void;
}

/** In milliseconds. Up to half of the jitter is fixed for the host, and up to half is random for each tick. */
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
  // The task is never started, it only computes times. Its own timer waits for a time of the wall clock: if that clock
  // were set back by hours (an RTC in local time, before NTP), polls would stop for hours.
  const task = createTask(expression, () => {});
  const next = () => task.getNextRuns(1)[0] ?? null;
  const stopped = new AbortController();
  tickAt(next, delayMs, clock, tick, stopped.signal).catch((error: unknown) => {
    if (!stopped.signal.aborted) log.error(`cannot poll any more: ${describeError(error)}`);
  });
  return { next, stop: () => stopped.abort() };
}

/** The wall clock is read again after at most this long. */
const LONGEST_SLEEP_MS = 60_000;

/**
 * Calls `tick` each time that the wall clock reaches `nextMatch`, delayed; a match during the delay is dropped. However
 * the clock is set, the next tick comes at most a minute after the next match. Rejects when `signal` is aborted.
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
