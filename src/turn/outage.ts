/**
 * How long to wait before a control plane that does not answer is asked again: half as long as it has been down, at
 * most five minutes, with jitter. So a fleet that polls each minute does not overload a struggling API server, and a
 * short outage is noticed as over soon.
 */
import type { Clock } from '../host/clock.ts';
import { spread } from '../host/pace.ts';

const LONGEST_WAIT_MS = 300_000;

export class Outage {
  readonly #clock: Clock;
  readonly #random: () => number;
  #sinceMs: number | null = null;
  #untilMs = 0;

  /** `random` is at least 0 and less than 1. */
  constructor(clock: Clock, random: () => number = Math.random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether the control plane must not be asked now. */
  get isWaiting(): boolean {
    return this.#sinceMs !== null && this.#clock.bootTimeMs() < this.#untilMs;
  }

  /** The control plane did not answer. */
  failed(): void {
    const nowMs = this.#clock.bootTimeMs();
    this.#sinceMs ??= nowMs;
    const waitMs = Math.min((nowMs - this.#sinceMs) / 2, LONGEST_WAIT_MS);
    this.#untilMs = nowMs + spread(waitMs, this.#random());
  }

  /** The control plane gave any response, or it has to be asked at once. */
  over(): void {
    this.#sinceMs = null;
  }
}
