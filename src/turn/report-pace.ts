/**
 * How often the report on the WorkloadEntry may change. A proxy that comes up and goes down again every few seconds would
 * else have its agent write as often, on each machine of a fleet at once, and each write can cost istiod one of its own.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../host/clock.ts';

/** Changes one after the other: an upgrade with its restart has about ten, and a bad release that is put back some twenty. */
const MOST_AT_ONCE = 60;
/** One more after this long: what is true in the end, a rejection for example, must not come late either. */
const REFILL_MS = 20_000;

export class ReportPace<Report> {
  readonly #clock: Clock;
  #last: Report | null = null;
  #left = MOST_AT_ONCE;
  #countedAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The report that is to be said now: the new one, or for some more time the last one. */
  next(report: Report): Report {
    const nowMs = this.#clock.bootTimeMs();
    const refilled = Math.floor((nowMs - (this.#countedAtMs ?? nowMs)) / REFILL_MS);
    this.#left = Math.min(this.#left + refilled, MOST_AT_ONCE);
    this.#countedAtMs = (this.#countedAtMs ?? nowMs) + refilled * REFILL_MS;
    if (this.#last !== null && isDeepStrictEqual(this.#last, report)) return report;
    if (this.#last !== null && this.#left === 0) return this.#last;
    this.#left -= 1;
    this.#last = report;
    return report;
  }
}
