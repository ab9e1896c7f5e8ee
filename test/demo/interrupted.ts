/** Ctrl-C and other signals: the story ends, its processes are ended, and the exit status tells the signal. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Interruption implements Disposable {
  signal: NodeJS.Signals | null = null;
  /** Called when this process ends, for any reason. Cannot wait for anything. */
  onExit: () => void = () => {};
  readonly #happened = Promise.withResolvers<never>();
  readonly #exiting = () => this.onExit();
  readonly #closed = () => this.#received('SIGPIPE');
  readonly #received = (signal: NodeJS.Signals) => {
    this.signal ??= signal;
    this.#happened.reject(new Error(`interrupted by ${signal}`));
  };

  /** A promise that rejects at the first signal. */
  get happened(): Promise<never> {
    return this.#happened.promise;
  }

  /** Begins to listen. */
  watch(): this {
    // Otherwise a signal that comes while no caller waits would end the process.
    this.happened.catch(() => undefined);
    for (const signal of SIGNALS) process.on(signal, this.#received);
    // The reader has closed the pipe.
    process.stdout.on('error', this.#closed);
    process.on('exit', this.#exiting);
    return this;
  }

  /** The exit status, as a shell computes it. */
  get status(): number {
    return 128 + (this.signal === null ? 0 : constants.signals[this.signal]);
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#received);
    // The handler of stdout stays, so that later output does not fail either.
    process.off('exit', this.#exiting);
  }
}
