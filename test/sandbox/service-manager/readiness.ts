/** Type=notify: a start waits for READY=1, for its deadline, or for whatever else makes an end of it. */
import { after } from './after.ts';

export class Readiness {
  #awaited: PromiseWithResolvers<boolean> | null = null;

  /** Whether a start waits. */
  get isAwaited(): boolean {
    return this.#awaited !== null;
  }

  /** Resolves with what it is settled with, or false after `deadlineMs`, when `onTimeout` has been called. */
  async within(deadlineMs: number, onTimeout: () => void): Promise<boolean> {
    const awaited = Promise.withResolvers<boolean>();
    this.#awaited = awaited;
    const callOff = after(deadlineMs, () => {
      onTimeout();
      awaited.resolve(false);
    });
    const isReady = await awaited.promise;
    callOff();
    this.#awaited = null;
    return isReady;
  }

  /** The first time counts; without effect when nothing waits. */
  settle(isReady: boolean): void {
    this.#awaited?.resolve(isReady);
  }
}
