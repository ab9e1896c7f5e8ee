/** A clock on which every sleep is over at once, and has taken its time. */
import type { Clock } from '../../src/host/clock.ts';

export class SkippingClock implements Clock {
  /** What was slept for, in order. Milliseconds. */
  readonly sleeps: number[] = [];
  #passedMs = 0;

  now(): Date {
    return new Date(Date.parse('2026-11-23T12:00:00Z') + this.#passedMs);
  }

  bootTimeMs(): number {
    return 1_000_000 + this.#passedMs;
  }

  async sleep(ms: number): Promise<void> {
    this.sleeps.push(ms);
    this.pass(ms);
  }

  pass(ms: number): void {
    this.#passedMs += ms;
  }
}
