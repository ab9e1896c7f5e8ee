/**
 * The time since the last change of istio.service. systemd reports the change by the wall clock, which may have been
 * set since: if it was set back by two hours, the agent would turn every five seconds for two hours. So systemd's time
 * is used once, when the change is first seen; from then on the monotonic clock counts.
 */
import type { Clock } from '../host/clock.ts';
import type { Status } from '../status/status.ts';

export class UnitAge {
  readonly #clock: Clock;
  #seen: { what: string; ageMs: number; atMs: number } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds; Infinity if systemd reports no time. */
  of({ istio: { unit } }: Pick<Status, 'istio'>): number {
    if (unit === null || unit.since === null) return Infinity;
    const atMs = this.#clock.bootTimeMs();
    const what = `${unit.activeState} since ${unit.since}`;
    if (this.#seen?.what !== what) {
      const ageMs = Math.max(this.#clock.now().getTime() - Date.parse(unit.since), 0);
      this.#seen = { what, ageMs, atMs };
    }
    return this.#seen.ageMs + atMs - this.#seen.atMs;
  }
}
