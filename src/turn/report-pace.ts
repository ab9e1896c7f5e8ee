/**
 * How often the report on the WorkloadEntry may change. Otherwise, if a proxy started and stopped every few seconds,
 * its agent would write as often, perhaps on each machine of a fleet, and each write may cause istiod to write as well.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../host/clock.ts';

/**
 * Changes without a wait: an upgrade with its restart has about ten, and a bad release that is rolled back about
 * twenty.
 */
const MOST_AT_ONCE = 60;
/** One more change is allowed after this long: the final state, for example a rejection, must not be reported late. */
const REFILL_MS = 20_000;

export class ReportPace<Report> {
  readonly #clock: Clock;
  #last: Report | null = null;
  #left = MOST_AT_ONCE;
  #countedAtMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The report to publish now: the new one, or for some more time the last one. */
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
