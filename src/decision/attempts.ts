/**
 * Failed tries and when they may be repeated: one try for each target and time, however often the loop turns.
 * Kept on disk, so that a restart of the agent does not start the count again; the wall clock is good enough, since a wait
 * for a try of the future (the clock was set back) is over at once. Where the disk is full, in /run.
 */
import { join } from 'node:path';
import { z } from 'zod';
import type { Paths } from '../base/paths.ts';
import { FileWithSpare } from '../host/files/file-with-spare.ts';
import { parseJson } from '../host/json.ts';
import { AFTER_A_VERDICT, doubled } from '../host/pace.ts';

export interface Attempt {
  reason: string;
  count: number;
  retryAt: Date;
  /** SHA-256 of the package that was refused for what it holds; another one is tried at once. */
  packageDigest?: string | undefined;
  /** When it failed; left out where nobody knows. */
  at?: Date;
}

interface Noted extends Attempt {
  at: Date;
}

const AFTER_A_FAILURE = { firstMs: 30_000, longestMs: 3_600_000 };
/** The count of a version that nobody has wanted for so long after its wait is of no use any more. */
const FORGET_AFTER_MS = 30 * AFTER_A_VERDICT.firstMs;

const Stored = z.record(
  z.string(),
  z.object({
    reason: z.string(),
    count: z.number().int().positive(),
    retryAt: z.iso.datetime(),
    /** Not there in a file of 0.1.0. */
    at: z.iso.datetime().optional(),
    packageDigest: z.string().optional(),
  }),
);

export class Attempts {
  readonly #file: FileWithSpare;

  constructor({ state, run }: Pick<Paths, 'state' | 'run'>) {
    this.#file = new FileWithSpare(join(state, 'attempts.json'), join(run, 'attempts.json'));
  }

  /**
   * Rejects with SMM520 when the file cannot be read: that is not the same as no failures. A damaged one is: it costs one
   * try too many, where an error would keep the machine from every later version until somebody came.
   */
  async read(now: Date): Promise<Map<string, Noted>> {
    const stored = Stored.safeParse(parseJson((await this.#file.read()) ?? '{}'));
    const attempts = new Map<string, Noted>();
    for (const [key, { reason, count, retryAt, at: noted, packageDigest }] of Object.entries(stored.data ?? {})) {
      const [until, at] = [new Date(retryAt), noted === undefined ? now : new Date(noted)];
      const waitMs = until.getTime() - now.getTime();
      if (waitMs < -FORGET_AFTER_MS) continue;
      const isOver = at > now || waitMs > AFTER_A_VERDICT.longestMs;
      // Not now: it is compared with the time at which the machine was looked at, which is before this.
      const next = isOver ? new Date(now.getTime() - AFTER_A_FAILURE.longestMs) : until;
      attempts.set(key, { reason, count, retryAt: next, at, packageDigest });
    }
    return attempts;
  }

  /** Notes one more failure of `key`; waits double from try to try of the same package, up to their cap. */
  async failed(
    key: string,
    reason: string,
    now: Date,
    wait: { refused: boolean; packageDigest?: string | undefined; atLeastMs?: number },
  ): Promise<Attempt> {
    const all = await this.read(now);
    const { packageDigest } = wait;
    const before = all.get(key);
    const count = before?.packageDigest === packageDigest ? (before?.count ?? 0) + 1 : 1;
    // A package that was refused for what it holds stays refused: only another upload changes that (replaced-packages.ts).
    const waits = wait.refused ? AFTER_A_VERDICT : AFTER_A_FAILURE;
    const waitMs = Math.max(doubled(waits, count - 1), Math.min(wait.atLeastMs ?? 0, waits.longestMs));
    const attempt = { reason, count, retryAt: new Date(now.getTime() + waitMs), at: now, packageDigest };
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
    await this.#file.remove();
  }

  /** That the disk is full is no reason to give the turn up, in which other things may still be done and said. */
  async #write(all: Map<string, Noted>): Promise<void> {
    await this.#file.write(`${JSON.stringify(Object.fromEntries(all), null, 2)}\n`);
  }
}
