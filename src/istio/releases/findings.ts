/**
 * What was learnt about releases: confirmed ones came up and stayed, rejected ones did not. A file for each, since
 * `istio-activate` reads and writes them as well, in shell and without the agent:
 * `confirmed/<id>` is empty; `rejected/<id>` has the lines `reason=...`, `count=N`, `at=<unix seconds>`.
 */
import { join } from 'node:path';
import type { Clock } from '../../host/clock.ts';
import { makeFolder, namesIn, readText, removeFile, writeAtomically } from '../../host/files.ts';
import { RELEASE_ID, type ReleaseId } from '../release.ts';

export interface Rejection {
  reason: string;
  /** Rejections of this release so far, expired ones included. */
  count: number;
  at: Date;
  /** From then on it may be tried again. */
  retryAt: Date;
}

const FIRST_WAIT_MS = 24 * 3600 * 1000;
const LONGEST_WAIT_MS = 7 * FIRST_WAIT_MS;

export class ReleaseFindings {
  readonly #folder: string;
  readonly #clock: Clock;

  /** `state` is the agent's folder of findings. */
  constructor(state: string, clock: Clock) {
    this.#folder = join(state, 'istio');
    this.#clock = clock;
  }

  /** Rejects with SMM520 when it cannot be read: that is not the same as none. */
  async confirmed(): Promise<Set<ReleaseId>> {
    return new Set(await this.#ids('confirmed'));
  }

  async confirm(id: ReleaseId): Promise<void> {
    await this.#write('confirmed', id, '');
  }

  /** The rejections that hold now. Rejects with SMM520 when one cannot be read. */
  async rejected(): Promise<Map<ReleaseId, Rejection>> {
    const now = this.#clock.now().getTime();
    const found = new Map<ReleaseId, Rejection>();
    for (const id of await this.#ids('rejected')) {
      const rejection = await this.#rejection(id, now);
      if (rejection !== null && rejection.retryAt.getTime() > now) found.set(id, rejection);
    }
    return found;
  }

  /** Notes one more rejection, as istio-activate does. */
  async reject(id: ReleaseId, reason: string): Promise<void> {
    const earlier = parse(await readText(this.#path('rejected', id)));
    await this.#write('rejected', id, format({ reason, count: (earlier?.count ?? 0) + 1, at: this.#clock.now() }));
  }

  /**
   * Moves rejections that are over out of istio-activate's sight; their count is kept, so that the next one lasts twice
   * as long. Returns the ids. A rejection from the future (the clock was set back) begins anew now: else it might last
   * for years.
   */
  async expire(): Promise<ReleaseId[]> {
    const now = this.#clock.now();
    const expired: ReleaseId[] = [];
    for (const id of await this.#ids('rejected')) {
      const rejection = await this.#rejection(id, now.getTime());
      const own = parse(await readText(this.#path('rejected', id)));
      if (rejection === null || own === null) continue;
      if (own.at === null || own.at > now) await this.#write('rejected', id, format({ ...own, at: now }));
      if (rejection.retryAt > now) continue;
      // The count first: cut off in between, both files speak of the same rejection.
      await this.#write('expired', id, format(rejection));
      await removeFile(this.#path('rejected', id));
      expired.push(id);
    }
    return expired;
  }

  /** Forgets the rejections of a release, or of all (`smm-agent retry`). */
  async clear(id?: ReleaseId): Promise<void> {
    for (const kind of ['rejected', 'expired'] as const) {
      for (const known of await this.#ids(kind))
        if (id === undefined || known === id) await removeFile(this.#path(kind, known));
    }
  }

  /** Withdraws a confirmation, for a release whose folder is gone. */
  async forgetConfirmed(id: ReleaseId): Promise<void> {
    await removeFile(this.#path('confirmed', id));
  }

  async #rejection(id: ReleaseId, now: number): Promise<Rejection | null> {
    const own = parse(await readText(this.#path('rejected', id)));
    if (own === null) return null;
    const before = parse(await readText(this.#path('expired', id)));
    const isSame = before !== null && before.at?.getTime() === own.at?.getTime();
    const count = isSame ? before.count : own.count + (before?.count ?? 0);
    const at = new Date(Math.min(own.at?.getTime() ?? now, now));
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (count - 1), LONGEST_WAIT_MS);
    return { reason: own.reason, count, at, retryAt: new Date(at.getTime() + waitMs) };
  }

  async #ids(kind: Kind): Promise<ReleaseId[]> {
    return (await namesIn(join(this.#folder, kind))).filter((name) => RELEASE_ID.test(name));
  }

  async #write(kind: Kind, id: ReleaseId, text: string): Promise<void> {
    await makeFolder(join(this.#folder, kind), 0o755);
    await writeAtomically(this.#path(kind, id), text, { mode: 0o644 });
  }

  #path(kind: Kind, id: ReleaseId): string {
    return join(this.#folder, kind, id);
  }
}

type Kind = 'confirmed' | 'rejected' | 'expired';

interface Finding {
  reason: string;
  count: number;
  /** null where the file does not say. */
  at: Date | null;
}

function format({ reason, count, at }: Finding): string {
  const seconds = Math.floor((at ?? new Date(0)).getTime() / 1000);
  return `reason=${reason.replace(/\s+/g, ' ').trim()}\ncount=${count}\nat=${seconds}\n`;
}

/** A file that says less than it should still is a rejection: the release was put back. */
function parse(text: string | null): Finding | null {
  if (text === null) return null;
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const count = /^\d{1,6}$/.test(value('count')) ? Math.max(Number(value('count')), 1) : 1;
  const at = /^\d{1,12}$/.test(value('at')) ? new Date(Number(value('at')) * 1000) : null;
  return { reason: value('reason') || 'no reason was noted', count, at };
}
