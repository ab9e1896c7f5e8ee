/** Why the next turn begins: many requests while one turn is under way amount to one turn after it. */
import type { Ask } from '../turn/dependencies.ts';

interface Trigger {
  /** How the control plane is asked in a turn that only this begins. */
  asks: Ask;
  /** An operator has typed a command and waits for the result: what failed before is tried again at once. */
  isTyped: boolean;
  /** Something may have changed. A row of follow-up looks goes on through turns without news. */
  isNews: boolean;
}

/** Every reason for a turn. */
export const TRIGGERS = {
  /** The daemon has started. */
  start: { asks: 'anew', isTyped: false, isNews: true },
  /** The schedule of agent.yaml. */
  poll: { asks: 'poll', isTyped: false, isNews: false },
  /** `smm-agent reconcile`. */
  reconcile: { asks: 'anew', isTyped: true, isNews: true },
  /** `systemctl reload smm-agent`, or a command that has changed agent.yaml: the configuration is read again. */
  reload: { asks: 'anew', isTyped: true, isNews: true },
  /** Istio has started or stopped. A fleet whose proxies crash must not ask its control plane at each of their starts. */
  istio: { asks: 'recent', isTyped: false, isNews: true },
  /** A look that is due although nothing happened, for example at a release that settles. */
  'follow-up': { asks: 'recent', isTyped: false, isNews: false },
  /** A look of a version on probation, which waits for an answer of the control plane. */
  probation: { asks: 'poll', isTyped: false, isNews: false },
} as const satisfies Record<string, Trigger>;
export type TriggerName = keyof typeof TRIGGERS;

/** How the control plane is asked in a turn that these begin: as the most demanding of them says. */
export function askFor(reasons: readonly TriggerName[]): Ask {
  const asks: readonly Ask[] = reasons.map((reason) => TRIGGERS[reason].asks);
  if (asks.includes('anew')) return 'anew';
  return asks.includes('poll') ? 'poll' : 'recent';
}

export class Triggers {
  #reasons = new Set<TriggerName>();
  #wake: (() => void) | null = null;

  /** Asks for a turn. Never blocks, and may be called at any time. */
  fire(reason: TriggerName): void {
    this.#reasons.add(reason);
    this.#wake?.();
  }

  /** Resolves with all the reasons since the last call, once there is one; with an empty list when `signal` is aborted. */
  async next(signal: AbortSignal): Promise<TriggerName[]> {
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
