/**
 * What was tried and rolled back, with reason, count and time: a file for each, since scripts in systemd/bin write and
 * read them too, without the agent. `rejected/<name>` has the lines `reason=...`, `count=N`, `at=<unix seconds>`, and
 * further fields that its writer needs; `expired/<name>` keeps the count of a rejection that is over.
 */
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import { formatFields, parseFields } from './fields.ts';
import { isFull } from './files/file-errors.ts';
import { makeFolder, namesIn, readText, removeFile, writeAtomically } from './files/files.ts';
import { AFTER_A_VERDICT, doubled } from './pace.ts';

export interface Rejection {
  reason: string;
  /** Rejections of this name so far, expired ones included. */
  count: number;
  at: Date;
  /** From then on it may be tried again. */
  retryAt: Date;
}

type Fields = ReadonlyMap<string, string>;
type Kind = 'rejected' | 'expired';

/** Suffix of a file that a script of the package was writing when it was killed. */
const BEING_WRITTEN = '.new';

export class Rejections {
  readonly #folder: string;
  readonly #names: RegExp;
  readonly #clock: Clock;

  /** Only files whose name matches `names` count: the folder is the scripts' too. */
  constructor(folder: string, names: RegExp, clock: Clock) {
    this.#folder = folder;
    this.#names = names;
    this.#clock = clock;
  }

  /** The rejections that hold now. Rejects with SMM520 when one cannot be read: that is not the same as none. */
  async read(): Promise<Map<string, Rejection>> {
    const now = this.#clock.now().getTime();
    const found = new Map<string, Rejection>();
    for (const name of await this.#all('rejected')) {
      const rejection = await this.#rejection(name, now);
      if (rejection !== null && rejection.retryAt.getTime() > now) found.set(name, rejection);
    }
    return found;
  }

  /** Writes a rejection down, as the scripts do. `details` are further fields of the file. */
  async reject(name: string, reason: string, details: Readonly<Record<string, string>> = {}): Promise<void> {
    const earlier = await this.#fields('rejected', name);
    const count = (earlier === null ? 0 : countOf(earlier)) + 1;
    const at = Math.floor(this.#clock.now().getTime() / 1000);
    await this.#write(
      'rejected',
      name,
      new Map(Object.entries({ reason, count: `${count}`, at: `${at}`, ...details })),
    );
  }

  /** The fields of a name's file, expired or not; null if there is none. */
  async details(name: string): Promise<Fields | null> {
    return (await this.#fields('rejected', name)) ?? (await this.#fields('expired', name));
  }

  /**
   * Moves rejections that are over out of the scripts' sight, and returns their names.
   * Their count is kept, so that the next rejection lasts twice as long. A rejection from
   * the future (the clock was set back) begins again now: else it might last for years.
   */
  async expire(): Promise<string[]> {
    const now = this.#clock.now();
    const expired: string[] = [];
    for (const name of await this.#all('rejected')) {
      try {
        if (await this.#expireOne(name, now)) expired.push(name);
      } catch (error) {
        // For the agent it is over in any case (`read`). That the scripts
        // see it until there is room is no reason to fail a turn.
        if (!isFull(error)) throw error;
      }
    }
    return expired;
  }

  async #expireOne(name: string, now: Date): Promise<boolean> {
    const fields = await this.#fields('rejected', name);
    const rejection = await this.#rejection(name, now.getTime());
    if (rejection === null || fields === null) return false;
    const at = atOf(fields);
    const nowSeconds = `${Math.floor(now.getTime() / 1000)}`;
    if (at === null || at > now) await this.#write('rejected', name, new Map([...fields, ['at', nowSeconds]]));
    if (rejection.retryAt > now) return false;
    // The count first: after a kill in between, both files have the same rejection, known by its time (`#rejection`).
    const kept = [...fields, ['count', `${rejection.count}`], ['at', secondsOf(rejection.at)]] as const;
    await this.#write('expired', name, new Map(kept));
    await removeFile(this.#path('rejected', name));
    return true;
  }

  /** Forgets a rejection with its count, or all of them (`smm-agent retry`). */
  async clear(name?: string): Promise<void> {
    for (const kind of ['rejected', 'expired'] as const) {
      for (const known of await this.#all(kind))
        if (name === undefined || known === name) await removeFile(this.#path(kind, known));
    }
  }

  async #rejection(name: string, now: number): Promise<Rejection | null> {
    const own = await this.#fields('rejected', name);
    if (own === null) return null;
    const before = await this.#fields('expired', name);
    const isSame = before !== null && atOf(before)?.getTime() === atOf(own)?.getTime();
    const count = isSame ? countOf(before) : countOf(own) + (before === null ? 0 : countOf(before));
    return rejectionOf(own, count, now);
  }

  async #all(kind: Kind): Promise<string[]> {
    const names = await namesIn(join(this.#folder, kind));
    return names.filter((name) => this.#names.test(name) && !name.endsWith(BEING_WRITTEN));
  }

  async #fields(kind: Kind, name: string): Promise<Fields | null> {
    const text = await readText(this.#path(kind, name));
    return text === null ? null : parseFields(text);
  }

  async #write(kind: Kind, name: string, fields: Fields): Promise<void> {
    await makeFolder(join(this.#folder, kind), 0o755);
    await writeAtomically(this.#path(kind, name), formatFields(fields), { mode: 0o644 });
  }

  #path(kind: Kind, name: string): string {
    return join(this.#folder, kind, name);
  }
}

function rejectionOf(fields: Fields, count: number, now: number): Rejection {
  const at = new Date(Math.min(atOf(fields)?.getTime() ?? now, now));
  const waitMs = doubled(AFTER_A_VERDICT, count - 1);
  return { reason: reasonOf(fields), count, at, retryAt: new Date(at.getTime() + waitMs) };
}

// An incomplete file is a rejection too: something was rolled back.

function reasonOf(fields: Fields): string {
  return fields.get('reason')?.trim() || 'no reason was noted';
}

function countOf(fields: Fields): number {
  const count = fields.get('count')?.trim() ?? '';
  return /^\d{1,6}$/.test(count) ? Math.max(Number(count), 1) : 1;
}

/** null if the file does not say. */
function atOf(fields: Fields): Date | null {
  const at = fields.get('at')?.trim() ?? '';
  return /^\d{1,12}$/.test(at) ? new Date(Number(at) * 1000) : null;
}

function secondsOf(date: Date): string {
  return `${Math.floor(date.getTime() / 1000)}`;
}
