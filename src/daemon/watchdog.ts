/**
 * Feeds systemd's watchdog while the loop moves. Waiting for a trigger is moving; a turn moves as long as its steps, or a
 * download's bytes, go on. A blocked event loop feeds nothing by itself.
 */
import type { Clock } from '../host/clock.ts';

/**
 * Longest time that one step may take without a sign of life. Whatever a step waits for has a shorter deadline of its own, the
 * longest being that of unpacking: to kill an agent on a slow disk would have it begin anew for ever.
 */
const LONGEST_STEP_MS = 15 * 60_000;
/** How often it is fed in the time that systemd waits for: an old systemd loses messages (notifier.ts), here four in a row without harm. */
const FEEDS = 5;

export class Watchdog {
  readonly #clock: Clock;
  #movedAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A turn is under way and has just got a step further. */
  moved(): void {
    this.#movedAtMs = this.#clock.bootTimeMs();
  }

  /** The turn is over: from here on the loop waits, which it may do for ever. */
  resting(): void {
    this.#movedAtMs = null;
  }

  isMoving(): boolean {
    return this.#movedAtMs === null || this.#clock.bootTimeMs() - this.#movedAtMs < LONGEST_STEP_MS;
  }

  /** Calls `feed` every fifth of `intervalMs` while the loop moves; returns what ends it. */
  start(intervalMs: number, feed: () => void): () => void {
    const ending = new AbortController();
    const feedAgain = () => {
      if (ending.signal.aborted) return;
      if (this.isMoving()) feed();
      wait();
    };
    const wait = () => void this.#clock.sleep(intervalMs / FEEDS, ending.signal).then(feedAgain, feedAgain);
    wait();
    return () => ending.abort(new Error('nothing is fed any more'));
  }
}
