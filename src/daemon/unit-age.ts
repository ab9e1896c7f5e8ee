/**
 * For how long istio.service has been as it is. systemd tells since when by the wall clock, which may have been set since then: two hours
 * back, and a machine would be looked at every five seconds for two hours. So that time is believed once, and counted on by a clock that
 * nobody sets.
 */
import type { Clock } from '../host/clock.ts';
import type { Status } from '../status/status.ts';

export class UnitAge {
  readonly #clock: Clock;
  #seen: { what: string; ageMs: number; atMs: number } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds; Infinity where systemd tells no time. */
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
