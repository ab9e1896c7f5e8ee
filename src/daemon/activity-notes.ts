/** Writes down which turn the daemon is making. */
import { describeError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { AGENT_VERSION } from '../base/version.ts';
import type { Log } from '../host/log/log.ts';
import type { Activity } from './activity.ts';
import { writeActivity } from './activity.ts';

/** If the file cannot be written, the daemon works all the same, and logs one warning. */
export class ActivityNotes {
  readonly #paths: Paths;
  readonly #startedAt: string;
  readonly #log: Log;
  #hasFailed = false;

  constructor(paths: Paths, startedAt: Date, log: Log) {
    this.#paths = paths;
    this.#startedAt = startedAt.toISOString();
    this.#log = log;
  }

  async note(turn: Activity['turn']): Promise<void> {
    const who = { pid: process.pid, version: AGENT_VERSION, startedAt: this.#startedAt } as const;
    try {
      await writeActivity(this.#paths, { format: 1, ...who, turn });
    } catch (error) {
      if (!this.#hasFailed) this.#log.warn(`cannot write down which turn is under way: ${describeError(error)}`);
      this.#hasFailed = true;
    }
  }
}
