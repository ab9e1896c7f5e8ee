/**
 * A look that nothing else triggers, for example at a release that settles. One at a time: each poll in between would else
 * begin a row of looks of its own. And ever more rarely: a proxy that never comes up must not keep a fleet looking.
 */
import { describeError } from '../base/errors.ts';
import type { Clock } from '../host/clock.ts';
import type { Log } from '../host/log/log.ts';
import { doubled } from '../host/pace.ts';
import { TRIGGERS, type TriggerName, type Triggers } from './triggers.ts';

/** Looks at the first pace: with one every five seconds two minutes, which is longer than a proxy takes to settle. */
const LOOKS_AT_FIRST_PACE = 24;
/**
 * From then on each wait is twice as long as the one before, up to this. A version on probation that made no turn within 100 s would be
 * put back (systemd/bin/agent-deadline).
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

  /** Plans the next look in place of the one that is planned; null plans none. `reasons` are those of the turn that is over. */
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

  /** The planned look is given up. */
  stop(): void {
    this.#waiting?.abort();
    this.#waiting = null;
  }
}
