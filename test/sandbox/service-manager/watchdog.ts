/** WatchdogSec=: a service that is up must send WATCHDOG=1 again and again. */
import { after } from './after.ts';

export class Watchdog {
  /** When the watchdog was fed last, or started. */
  fedAt: Date | null = null;
  #spanMs = Number.POSITIVE_INFINITY;
  #onTimeout: () => void = () => {};
  #callOff: () => void = () => {};

  /** Starts the watchdog. Infinity means no watchdog. */
  start(spanMs: number, onTimeout: () => void): void {
    this.#spanMs = spanMs;
    this.#onTimeout = onTimeout;
    this.feed();
  }

  feed(): void {
    this.fedAt = new Date();
    this.#callOff();
    this.#callOff = after(this.#spanMs, this.#onTimeout);
  }

  stop(): void {
    this.#callOff();
    this.#spanMs = Number.POSITIVE_INFINITY;
    this.#onTimeout = () => {};
  }
}
