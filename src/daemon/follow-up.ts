/**
 * Follow-up turns, for example while a new release starts up. Only one is planned at a time: otherwise each poll in
 * between would begin another series of them. The waits grow: a proxy that never becomes ready must not keep a fleet
 * busy.
 */
import { describeError } from '../base/errors.ts';
import type { Clock } from '../host/clock.ts';
import type { Log } from '../host/log/log.ts';
import { doubled } from '../host/pace.ts';
import { TRIGGERS, type TriggerName, type Triggers } from './triggers.ts';

/**
 * Follow-up turns with the first wait: two minutes at one every five seconds, longer than a proxy needs to become
 * ready.
 */
const LOOKS_AT_FIRST_PACE = 24;
/**
 * From then on each wait is twice as long as the one before, up to this. The limit of a version on probation is short:
 * without a turn within 100 s it would be rolled back (systemd/bin/agent-deadline).
 */
const LONGEST_WAIT_MS = { 'follow-up': 600_000, probation: 60_000 };

export interface NextLook {
  /** Milliseconds from now. */
  afterMs: number;
  reason: 'follow-up' | 'probation';
}

export class FollowUp {
  readonly #parts: { clock: Clock; log: Log; triggers: Triggers };
  #waiting: AbortController | null = null;
  #looks = 0;

  constructor(parts: { clock: Clock; log: Log; triggers: Triggers }) {
    this.#parts = parts;
  }

  /** Replaces the planned follow-up turn; null plans none. `reasons` are those of the turn that is over. */
  plan(next: NextLook | null, reasons: readonly TriggerName[]): void {
    this.stop();
    this.#looks = next !== null && !reasons.some((reason) => TRIGGERS[reason].isNews) ? this.#looks + 1 : 0;
    if (next === null) return;
    const { afterMs, reason } = next;
    const waiting = new AbortController();
    this.#waiting = waiting;
    const waits = { firstMs: afterMs, longestMs: LONGEST_WAIT_MS[reason] };
    const waitMs = doubled(waits, this.#looks - LOOKS_AT_FIRST_PACE);
    const { clock, log, triggers } = this.#parts;
    clock.sleep(waitMs, waiting.signal).then(
      () => triggers.fire(reason),
      (error: unknown) => {
        if (!waiting.signal.aborted) log.error(`cannot wait: ${describeError(error)}`);
      },
    );
  }

  /** Cancels the planned follow-up turn. */
  stop(): void {
    this.#waiting?.abort();
    this.#waiting = null;
  }
}
