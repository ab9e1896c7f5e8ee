/** Time as the agent sees it. Whatever depends on time takes a clock, so that tests do not sleep. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Wall clock, for what people read. It may jump. */
  now(): Date;
  /**
   * Milliseconds since the machine was booted, suspended time left out; never goes back, and nobody sets it. For spans within this
   * process, and for nothing else: it may be compared neither with what another program has written down nor with start times of
   * processes (processTimeMs in processes.ts), which are told by other clocks.
   */
  bootTimeMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  // CLOCK_MONOTONIC, as that of timers and of systemd's watchdog. Not os.uptime(), which reads /proc/uptime: in a container that is
  // lxcfs's, jumps to the host's when lxcfs ends, and would have a turn look as if it had hung for months.
  bootTimeMs: () => Number(process.hrtime.bigint() / 1_000_000n),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
};
