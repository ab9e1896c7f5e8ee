/** Ctrl-C and friends: the story ends, what it started is ended, and the exit status says by what. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Interruption implements Disposable {
  signal: (typeof SIGNALS)[number] | null = null;
  /** Called when this process ends in a way that nobody foresaw; has no time to wait for anything. */
  onExit: () => void = () => {};
  readonly #happened = Promise.withResolvers<never>();
  readonly #exiting = () => this.onExit();
  readonly #received = (signal: NodeJS.Signals) => {
    this.signal ??= signal as (typeof SIGNALS)[number];
    this.#happened.reject(new Error(`interrupted by ${signal}`));
  };

  /** Rejects at the first signal. */
  get happened(): Promise<never> {
    return this.#happened.promise;
  }

  /** Begins to listen. */
  watch(): this {
    // Nobody may be waiting when it comes.
    this.happened.catch(() => undefined);
    for (const signal of SIGNALS) process.on(signal, this.#received);
    process.on('exit', this.#exiting);
    return this;
  }

  /** As a shell tells it. */
  get status(): number {
    return 128 + (this.signal === null ? 0 : constants.signals[this.signal]);
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#received);
    process.off('exit', this.#exiting);
  }
}
