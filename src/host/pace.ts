/** How long to wait before something is done again. docs/architecture.md has the table of all waits. Pure. */

/** Waits that double from one time to the next, in milliseconds. */
export interface Ladder {
  firstMs: number;
  longestMs: number;
}

const DAY_MS = 24 * 3_600_000;
/**
 * Of what was judged and found bad, a release, a version or a package: only something new in its place changes that.
 */
export const AFTER_A_VERDICT: Ladder = { firstMs: DAY_MS, longestMs: 7 * DAY_MS };

/**
 * The wait after `times` earlier ones; the first is after none. `times` is not bounded: beyond 1024 the power is
 * Infinity.
 */
export function doubled({ firstMs, longestMs }: Ladder, times: number): number {
  return Math.min(firstMs * 2 ** Math.max(times, 0), longestMs);
}

/**
 * Between half of `ms` and all of it, so that a fleet does not come back all at once. `random`: from 0 (included) to 1
 * (excluded).
 */
export function spread(ms: number, random: number): number {
  return ms * (0.5 + random / 2);
}

/**
 * Allows `most` things one after the other, and one more each `refillMs`. Times are of a clock that never goes back.
 */
export class Allowance {
  readonly #most: number;
  readonly #refillMs: number;
  #left: number;
  #countedAtMs: number | null = null;

  constructor({ most, refillMs }: { most: number; refillMs: number }) {
    this.#most = most;
    this.#refillMs = refillMs;
    this.#left = most;
  }

  /** Whether one more is allowed now. */
  has(nowMs: number): boolean {
    this.#countedAtMs ??= nowMs;
    const refilled = Math.floor((nowMs - this.#countedAtMs) / this.#refillMs);
    this.#left = Math.min(this.#left + refilled, this.#most);
    this.#countedAtMs += refilled * this.#refillMs;
    return this.#left > 0;
  }

  /** One was done. */
  spend(): void {
    this.#left -= 1;
  }
}
