/** Why the next turn begins: many requests while one turn is under way amount to one turn after it. */

export class Triggers {
  #reasons = new Set<string>();
  #wake: (() => void) | null = null;

  /** Asks for a turn. Never blocks, and may be called at any time. */
  fire(reason: string): void {
    this.#reasons.add(reason);
    this.#wake?.();
  }

  /** Resolves with all the reasons since the last call, once there is one; with an empty list when `signal` is aborted. */
  async next(signal: AbortSignal): Promise<string[]> {
    if (this.#reasons.size === 0 && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const end = () => resolve();
      signal.addEventListener('abort', end, { once: true });
      await promise;
      // The signal lives as long as the daemon: a listener for each turn would grow for years.
      signal.removeEventListener('abort', end);
      this.#wake = null;
    }
    const reasons = [...this.#reasons];
    this.#reasons.clear();
    return signal.aborted ? [] : reasons;
  }
}
