/**
 * How long to leave a control plane alone that does not answer: half as long as it has been away, at most five minutes, with
 * jitter. So a fleet that polls each minute does not hold a struggling API server down, and a short absence costs little.
 */
import type { Clock } from '../host/clock.ts';
import { spread } from '../host/pace.ts';

const LONGEST_WAIT_MS = 300_000;

export class Outage {
  readonly #clock: Clock;
  readonly #random: () => number;
  #sinceMs: number | null = null;
  #untilMs = 0;

  /** `random`: from 0 (included) to 1 (excluded). */
  constructor(clock: Clock, random: () => number = Math.random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether it is not to be asked now. */
  get isWaiting(): boolean {
    return this.#sinceMs !== null && this.#clock.bootTimeMs() < this.#untilMs;
  }

  /** It did not answer. */
  failed(): void {
    const nowMs = this.#clock.bootTimeMs();
    this.#sinceMs ??= nowMs;
    const waitMs = Math.min((nowMs - this.#sinceMs) / 2, LONGEST_WAIT_MS);
    this.#untilMs = nowMs + spread(waitMs, this.#random());
  }

  /** It answered, whatever it said; or somebody wants it to be asked at once. */
  over(): void {
    this.#sinceMs = null;
  }
}
