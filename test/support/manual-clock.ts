/** A clock that stands still until a test lets time pass. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/host/clock.ts';

export class ManualClock implements Clock {
  #wallMs = Date.parse('2026-11-23T12:00:00Z');
  #bootMs = 1_000_000;
  readonly #sleepers = new Set<{ untilMs: number; wake: () => void }>();

  now(): Date {
    return new Date(this.#wallMs);
  }

  bootTimeMs(): number {
    return this.#bootMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { untilMs: this.#bootMs + ms, wake: resolve };
    this.#sleepers.add(sleeper);
    signal?.addEventListener('abort', () => {
      this.#sleepers.delete(sleeper);
      reject(signal.reason as Error);
    });
    return promise;
  }

  /** Sets the wall clock forward or back, as an operator or NTP does. */
  setWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** Until `done` is settled: lets a little time pass in each round of the event loop in which a caller sleeps. */
  async passUntil<T>(done: Promise<T>, stepMs = 10): Promise<T> {
    let isDone = false;
    const settled = () => {
      isDone = true;
    };
    done.then(settled, settled);
    while (!isDone) {
      await setImmediate();
      if (this.#sleepers.size > 0) this.pass(stepMs);
    }
    return done;
  }

  /** Lets time pass, and wakes every sleeper whose time has come. */
  pass(ms: number): void {
    this.#wallMs += ms;
    this.#bootMs += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.untilMs > this.#bootMs) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}
