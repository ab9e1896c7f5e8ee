/** One signal for three things: the caller's signal, a deadline for the whole, and a limit on silence. */
import { DownloadError } from './errors.ts';

export interface Limits {
  /** Milliseconds for the whole request. */
  deadlineMs: number;
  /** Milliseconds without a byte. */
  stallMs: number;
}

/** Dispose it (`using`): it holds timers and a listener on a signal that lives as long as the agent. */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #limits: Limits;
  readonly #url: string;
  readonly #caller: AbortSignal | undefined;
  readonly #onAbort = () => this.#controller.abort(this.#caller?.reason);
  #whole: NodeJS.Timeout | undefined;
  #stall: NodeJS.Timeout | undefined;

  constructor(url: string, limits: Limits, caller: AbortSignal | undefined) {
    this.#url = url;
    this.#limits = limits;
    this.#caller = caller;
  }

  /** Starts the clocks. `leftMs`: the time that earlier tries have left of the whole. */
  begin(leftMs = this.#limits.deadlineMs): this {
    this.#caller?.throwIfAborted();
    this.#caller?.addEventListener('abort', this.#onAbort, { once: true });
    const { deadlineMs } = this.#limits;
    this.#whole = setTimeout(() => this.#fail(`it took longer than ${deadlineMs / 1000} s`), leftMs);
    this.heard();
    return this;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** A byte has come: the limit on silence begins again. */
  heard(): void {
    const { stallMs } = this.#limits;
    if (this.#stall !== undefined) this.#stall.refresh();
    else this.#stall = setTimeout(() => this.#fail(`no data came for ${stallMs / 1000} s`), stallMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#whole);
    clearTimeout(this.#stall);
    this.#caller?.removeEventListener('abort', this.#onAbort);
  }

  #fail(reason: string): void {
    this.#controller.abort(new DownloadError('SMM414', `cannot wait for ${this.#url}: ${reason}`));
  }
}
