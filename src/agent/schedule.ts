/**
 * When the agent polls: a cron expression, and for each host a phase of its own, so that 100,000 machines do not ask in the
 * same second; a random part on top keeps hosts that share a phase from marching in step.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../host/clock.ts';

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

/** Calls `tick` at each match of `expression`, delayed. A tick that comes while one still waits is dropped. */
export async function startTicking(
  expression: string,
  delayMs: () => number,
  clock: Clock,
  tick: () => void,
): Promise<Ticker> {
  const { schedule } = await import('node-cron');
  const stopped = new AbortController();
  let waiting = false;
  const task = schedule(
    expression,
    async () => {
      if (waiting) return;
      waiting = true;
      try {
        await clock.sleep(delayMs(), stopped.signal);
        tick();
      } catch (error) {
        if (!stopped.signal.aborted) throw error;
      } finally {
        waiting = false;
      }
    },
    { suppressMissedWarning: true },
  );
  return {
    next: () => task.getNextRun(),
    stop: () => {
      stopped.abort();
      void task.destroy();
    },
  };
}
