/** Ctrl-C and friends: the story ends, what it started is ended, and the exit status says by what. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Interruption implements Disposable {
  signal: (typeof SIGNALS)[number] | null = null;
  /** Rejects at the first signal. */
  readonly happened: Promise<never>;
  readonly #discard: () => void;
  readonly #onSignal: (signal: NodeJS.Signals) => void;

  /** `discard` ends every process at once: also called when this process ends in a way that nobody foresaw. */
  constructor(discard: () => void) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.happened = promise;
    // Nobody may be waiting when it comes.
    promise.catch(() => undefined);
    this.#discard = discard;
    this.#onSignal = (signal) => {
      this.signal ??= signal as (typeof SIGNALS)[number];
      reject(new Error(`interrupted by ${signal}`));
    };
  }

  /** Begins to listen. */
  watch(): this {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    process.on('exit', this.#discard);
    return this;
  }

  /** As a shell tells it. */
  get status(): number {
    return 128 + (this.signal === null ? 0 : constants.signals[this.signal]);
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
    process.off('exit', this.#discard);
  }
}
