/**
 * Feeds systemd's watchdog while the loop works. A loop that waits for a trigger works; a turn works as long as its
 * steps, or the bytes of a download, go on. A blocked event loop cannot feed the watchdog, so systemd restarts the
 * agent.
 */
import type { Clock } from '../host/clock.ts';

/**
 * The longest time of one step without an event. Everything that a step waits for has a shorter deadline of its own;
 * the longest is that of unpacking. With a shorter limit an agent on a slow disk would be killed in each try, and never
 * finish.
 */
const LONGEST_STEP_MS = 15 * 60_000;
/**
 * Messages per interval of systemd's watchdog: an old systemd loses messages (notifier.ts), and may lose four in a row
 * here.
 */
const FEEDS = 5;

export class Watchdog {
  readonly #clock: Clock;
  #movedAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A turn is under way and has made progress. */
  moved(): void {
    this.#movedAtMs = this.#clock.bootTimeMs();
  }

  /** The turn is over. From here on the loop waits for a trigger, without a time limit. */
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
    return () => ending.abort(new Error('the watchdog is not fed any more'));
  }
}
