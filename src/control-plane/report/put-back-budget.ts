/**
 * How often the agent writes messages again that another writer has removed. istiod with PILOT_ENABLE_ANALYSIS replaces
 * them after each of its analyses; without a bound the two would write in turn for ever, and each write can cost istiod
 * one of its tries to say that the machine is healthy.
 */
const MAX_PER_WINDOW = 6;
const WINDOW_MS = 60 * 60_000;

export class PutBackBudget {
  #times: number[] = [];

  /** Whether one more time is allowed now; if so, counts it. `nowMs` is from a clock that never goes back. */
  allows(nowMs: number): boolean {
    this.#times = this.#times.filter((time) => nowMs - time < WINDOW_MS);
    if (this.#times.length >= MAX_PER_WINDOW) return false;
    this.#times.push(nowMs);
    return true;
  }
}
