/** Ctrl-C and friends: the story ends, what it started is ended, and the exit status says by what. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Interruption implements Disposable {
  signal: NodeJS.Signals | null = null;
  /** Called when this process ends in a way that nobody foresaw; has no time to wait for anything. */
  onExit: () => void = () => {};
  readonly #happened = Promise.withResolvers<never>();
  readonly #exiting = () => this.onExit();
  readonly #closed = () => this.#received('SIGPIPE');
  readonly #received = (signal: NodeJS.Signals) => {
    this.signal ??= signal;
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
    // Whoever read along has closed the pipe.
    process.stdout.on('error', this.#closed);
    process.on('exit', this.#exiting);
    return this;
  }

  /** As a shell tells it. */
  get status(): number {
    return 128 + (this.signal === null ? 0 : constants.signals[this.signal]);
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#received);
    // Not the one of stdout: what the end still says must not fail either.
    process.off('exit', this.#exiting);
  }
}
