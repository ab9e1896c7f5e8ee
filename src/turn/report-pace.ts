/**
 * How often the report on the WorkloadEntry may change. Otherwise, if a proxy started and stopped every few seconds,
 * its agent would write as often, perhaps on each machine of a fleet, and each write may cause istiod to write as well.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../host/clock.ts';
import { Allowance } from '../host/pace.ts';

/**
 * An upgrade with its restart has about ten changes, one after the other, and a bad release that is rolled back some
 * twenty. What is true in the end, a rejection for example, must not come late either.
 */
const CHANGES = { most: 60, refillMs: 20_000 };

export class ReportPace<Report> {
  readonly #clock: Clock;
  #last: Report | null = null;
  readonly #allowance = new Allowance(CHANGES);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The report to publish now: the new one, or for some more time the last one. */
  next(report: Report): Report {
    const mayChange = this.#allowance.has(this.#clock.bootTimeMs());
    if (this.#last !== null && isDeepStrictEqual(this.#last, report)) return report;
    if (this.#last !== null && !mayChange) return this.#last;
    this.#allowance.spend();
    this.#last = report;
    return report;
  }
}
