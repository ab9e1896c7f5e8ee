/**
 * How long to wait before the next try: exponential, capped,
 * full jitter, so that a fleet does not come back all at once.
 */
import type { Clock } from '../../host/clock.ts';
import { doubled } from '../../host/pace.ts';

export interface BackoffOptions {
  /** Upper bound of the first wait, milliseconds. */
  baseMs: number;
  /** Upper bound of every wait, milliseconds. */
  capMs: number;
  clock: Clock;
  /** From 0 (included) to 1 (excluded). */
  random: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #tries = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Milliseconds to wait before the next try; counts that try. */
  nextMs(): number {
    const { baseMs, capMs, random } = this.#options;
    const boundMs = doubled({ firstMs: baseMs, longestMs: capMs }, this.#tries);
    this.#tries += 1;
    return Math.floor(random() * boundMs);
  }

  /** Waits before the next try. Rejects with the signal's reason when it is aborted first. */
  async wait(signal?: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(this.nextMs(), signal);
  }
}
