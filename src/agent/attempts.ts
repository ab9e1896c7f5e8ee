/**
 * Failed tries and when they may be repeated: one try for each target and time, however often the loop turns.
 * Kept on disk, so that a restart of the agent does not start the count again; the wall clock is good enough, since a wait
 * that no rule here could have made (the clock was set back) is over at once.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { readText, writeAtomically } from '../host/files.ts';
import { parseJson } from '../host/json.ts';

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
/** The count of a version that nobody has wanted for so long after its wait is of no use any more. */
const FORGET_AFTER_MS = 30 * FIRST_REFUSED_WAIT_MS;

const Stored = z.record(
  z.string(),
  z.object({ reason: z.string(), count: z.number().int().positive(), retryAt: z.iso.datetime() }),
);

export class Attempts {
  readonly #file: string;

  constructor(stateFolder: string) {
    this.#file = join(stateFolder, 'attempts.json');
  }

  /**
   * Rejects with SMM520 when the file cannot be read: that is not the same as no failures. A damaged one is: it costs one
   * try too many, where an error would keep the machine from every later version until somebody came.
   */
  async read(now: Date): Promise<Map<string, Attempt>> {
    const stored = Stored.safeParse(parseJson((await readText(this.#file)) ?? '{}'));
    const attempts = new Map<string, Attempt>();
    for (const [key, { reason, count, retryAt }] of Object.entries(stored.data ?? {})) {
      const until = new Date(retryAt);
      const waitMs = until.getTime() - now.getTime();
      if (waitMs < -FORGET_AFTER_MS) continue;
      attempts.set(key, { reason, count, retryAt: waitMs > LONGEST_REFUSED_WAIT_MS ? now : until });
    }
    return attempts;
  }

  /** Notes one more failure of `key`; waits double from try to try, up to their cap. */
  async failed(
    key: string,
    reason: string,
    now: Date,
    wait: { refused: boolean; atLeastMs?: number },
  ): Promise<Attempt> {
    const all = await this.read(now);
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

  async succeeded(key: string, now: Date): Promise<void> {
    const all = await this.read(now);
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
