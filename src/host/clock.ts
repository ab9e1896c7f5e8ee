/** Time as the agent sees it. Whatever depends on time takes a clock, so that tests do not sleep. */
import { uptime } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Wall clock, for what people read. It may jump. */
  now(): Date;
  /** Milliseconds since the machine was booted, suspended time included; never goes back. */
  bootTimeMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  bootTimeMs: () => Math.round(uptime() * 1000),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
};
