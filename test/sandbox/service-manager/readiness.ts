/** Type=notify: a start waits for READY=1, for its deadline, or for any other end of the wait. */
import { after } from './after.ts';

export class Readiness {
  #awaited: PromiseWithResolvers<boolean> | null = null;

  /** Whether a start waits. */
  get isAwaited(): boolean {
    return this.#awaited !== null;
  }

  /**
   * Waits until `settle` is called, and resolves with its value. After `deadlineMs`, calls `onTimeout` and resolves
   * with false.
   */
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

  /** Ends the wait. Only the first call counts. No effect if no start waits. */
  settle(isReady: boolean): void {
    this.#awaited?.resolve(isReady);
  }
}
