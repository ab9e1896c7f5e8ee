/**
 * Versions of the agent that are not tried again for a time: rolled back by the guard, or refused by their own
 * self-check. A file for each, since systemd/bin/agent-put-back writes them too.
 */

import type { Paths } from '../base/paths.ts';
import type { Clock } from '../host/clock.ts';
import { type Rejection, Rejections } from '../host/rejections.ts';
import { VERSION_NAME } from './version.ts';

export interface VersionRejection extends Rejection {
  /** `put back`: it was tried and rolled back. `refused`: it never was current. */
  how: 'put back' | 'refused';
  /** Names the try; the same for as long as the rejection holds. */
  id: string;
  /** The version that came back, or stayed; null if the file does not say. */
  instead: string | null;
}

export class VersionRejections {
  readonly #rejections: Rejections;

  constructor({ agentState }: Pick<Paths, 'agentState'>, clock: Clock) {
    this.#rejections = new Rejections(agentState, VERSION_NAME, clock);
  }

  /** The rejections that hold now. Rejects with SMM520 when one cannot be read. */
  async read(): Promise<Map<string, VersionRejection>> {
    const found = new Map<string, VersionRejection>();
    for (const [version, rejection] of await this.#rejections.read()) {
      const fields = await this.#rejections.details(version);
      const id = fields?.get('probation');
      found.set(version, {
        ...rejection,
        how: id === undefined ? 'refused' : 'put back',
        id: id ?? `${version} ${rejection.at.getTime()}`,
        instead: fields?.get('from') ?? null,
      });
    }
    return found;
  }

  /** Rejects a version that has failed its self-check; `instead` is the version that stays. */
  refuse(version: string, reason: string, instead: string): Promise<void> {
    return this.#rejections.reject(version, reason, { from: instead });
  }

  /** Forgets a rejection with its count, or all. */
  async clear(version?: string): Promise<void> {
    await this.#rejections.clear(version);
  }

  /** Moves rejections that are over out of the scripts' sight. */
  async expire(): Promise<void> {
    await this.#rejections.expire();
  }
}
