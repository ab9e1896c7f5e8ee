/** Time as the agent sees it. Everything that depends on time takes a clock, so that tests do not sleep. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Wall clock, for what people read. It may jump. */
  now(): Date;
  /**
   * Milliseconds since the machine was booted, without suspended time; never goes back, and cannot be set. Only for
   * spans within this process: times that another program wrote down, and start times of processes (processTimeMs in
   * processes.ts), come from other clocks and must not be compared with it.
   */
  bootTimeMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  // CLOCK_MONOTONIC, the clock of timers and of systemd's watchdog. Not os.uptime(),
  // which reads /proc/uptime: in a container that file is lxcfs's, and it jumps to the
  // host's uptime when lxcfs ends. A turn would then seem to have hung for months.
  bootTimeMs: () => Number(process.hrtime.bigint() / 1_000_000n),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
};
