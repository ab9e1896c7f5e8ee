/**
 * Failed tries and when they may be repeated: one try for each target and time, however often the loop turns.
 * Kept on disk, so that a restart of the agent does not start the count again; the wall clock is good enough, since an
 * entry that a jump makes wrong is bounded by a week and cleared by `smm-agent retry`.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { AgentError } from '../errors.ts';
import { readText, writeAtomically } from '../host/files.ts';

export interface Attempt {
  reason: string;
  count: number;
  retryAt: Date;
}

const FIRST_WAIT_MS = 30_000;
const LONGEST_WAIT_MS = 3_600_000;
/** A package that was refused for what it holds stays refused for longer: only a new upload changes it. */
const FIRST_REFUSED_WAIT_MS = 24 * 3_600_000;
const LONGEST_REFUSED_WAIT_MS = 7 * FIRST_REFUSED_WAIT_MS;

const Stored = z.record(
  z.string(),
  z.object({ reason: z.string(), count: z.number().int().positive(), retryAt: z.iso.datetime() }),
);

export class Attempts {
  readonly #file: string;

  constructor(stateFolder: string) {
    this.#file = join(stateFolder, 'attempts.json');
  }

  /** Rejects when the file cannot be read: that is not the same as no failures. A torn or foreign file is SMM405. */
  async read(): Promise<Map<string, Attempt>> {
    const text = await readText(this.#file);
    if (text === null) return new Map();
    const parsed = Stored.safeParse(parseJson(text));
    if (!parsed.success) {
      throw new AgentError('SMM405', `cannot understand ${this.#file}`, 'run smm-agent retry, which begins it anew');
    }
    return new Map(
      Object.entries(parsed.data).map(([key, { reason, count, retryAt }]) => [
        key,
        { reason, count, retryAt: new Date(retryAt) },
      ]),
    );
  }

  /** Notes one more failure of `key`; waits double from try to try, up to their cap. */
  async failed(
    key: string,
    reason: string,
    now: Date,
    wait: { refused: boolean; atLeastMs?: number },
  ): Promise<Attempt> {
    const all = await this.read();
    const count = (all.get(key)?.count ?? 0) + 1;
    const [first, longest] = wait.refused
      ? [FIRST_REFUSED_WAIT_MS, LONGEST_REFUSED_WAIT_MS]
      : [FIRST_WAIT_MS, LONGEST_WAIT_MS];
    const waitMs = Math.max(Math.min(first * 2 ** (count - 1), longest), Math.min(wait.atLeastMs ?? 0, longest));
    const attempt = { reason, count, retryAt: new Date(now.getTime() + waitMs) };
    all.set(key, attempt);
    await this.#write(all);
    return attempt;
  }

  async succeeded(key: string): Promise<void> {
    const all = await this.read();
    if (all.delete(key)) await this.#write(all);
  }

  /** Forgets every failure (smm-agent retry). */
  async clear(): Promise<void> {
    await this.#write(new Map());
  }

  async #write(all: Map<string, Attempt>): Promise<void> {
    const stored = [...all].map(([key, attempt]) => [key, { ...attempt, retryAt: attempt.retryAt.toISOString() }]);
    await writeAtomically(this.#file, `${JSON.stringify(Object.fromEntries(stored), null, 2)}\n`, { mode: 0o644 });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // Not JSON is told to the caller as a value that no schema accepts.
    return error;
  }
}
