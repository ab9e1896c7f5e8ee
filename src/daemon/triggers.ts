/** The reasons for the next turn. Many requests during one turn cause one turn after it. */
import type { Ask } from '../turn/dependencies.ts';

interface Trigger {
  /** How the control plane is asked in a turn with only this trigger. */
  asks: Ask;
  /** An operator has typed a command and waits for the result: failed steps are tried again at once. */
  isTyped: boolean;
  /** Something may have changed, so the waits between follow-up turns are short again. */
  isNews: boolean;
}

/** Every reason for a turn. */
export const TRIGGERS = {
  /** The daemon has started. */
  start: { asks: 'fresh', isTyped: false, isNews: true },
  /** The schedule of agent.yaml. */
  poll: { asks: 'poll', isTyped: false, isNews: false },
  /** `smm-agent reconcile`. */
  reconcile: { asks: 'fresh', isTyped: true, isNews: true },
  /** `systemctl reload smm-agent`, or a command that has changed agent.yaml: the configuration is read again. */
  reload: { asks: 'fresh', isTyped: true, isNews: true },
  /**
   * Istio has started or stopped. A fleet of crashing proxies must not ask the control plane at each of their starts.
   */
  istio: { asks: 'recent', isTyped: false, isNews: true },
  /** A turn that is due although nothing happened, for example while a release starts up. */
  'follow-up': { asks: 'recent', isTyped: false, isNews: false },
  /** A turn of a version on probation, which waits for an answer of the control plane. */
  probation: { asks: 'poll', isTyped: false, isNews: false },
} as const satisfies Record<string, Trigger>;
export type TriggerName = keyof typeof TRIGGERS;

/** How the control plane is asked in a turn with these triggers: the most demanding one decides. */
export function askFor(reasons: readonly TriggerName[]): Ask {
  const asks: readonly Ask[] = reasons.map((reason) => TRIGGERS[reason].asks);
  if (asks.includes('fresh')) return 'fresh';
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

  /**
   * Waits for a reason, and resolves with all reasons since the last call; with an empty list when `signal` is aborted.
   */
  async next(signal: AbortSignal): Promise<TriggerName[]> {
    if (this.#reasons.size === 0 && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const end = () => resolve();
      signal.addEventListener('abort', end, { once: true });
      await promise;
      // The signal lives as long as the daemon: without this, each turn would leave a listener on it.
      signal.removeEventListener('abort', end);
      this.#wake = null;
    }
    const reasons = [...this.#reasons];
    this.#reasons.clear();
    return signal.aborted ? [] : reasons;
  }
}
