/**
 * Failed tries, and when they may be repeated. A turn runs at least once a minute, but a failed step waits for its next
 * try. The file is on disk, so that a restart of the agent does not reset the count; if the disk is full, it is in
 * /run. The wall clock is good enough: if the clock was set back and a failure lies in the future, the wait is over at
 * once.
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
  /** SHA-256 of the package that was refused for its content; another package is tried at once. */
  packageDigest?: string | undefined;
  /** When the try failed; left out if unknown. */
  at?: Date;
}

interface Noted extends Attempt {
  at: Date;
}

const AFTER_A_FAILURE = { firstMs: 30_000, longestMs: 3_600_000 };
/** A count is dropped this long after its wait was over: its version was not wanted in all that time. */
const FORGET_AFTER_MS = 30 * AFTER_A_VERDICT.firstMs;

const Stored = z.record(
  z.string(),
  z.object({
    reason: z.string(),
    count: z.number().int().positive(),
    retryAt: z.iso.datetime(),
    /** Missing in a file of version 0.1.0. */
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
   * Rejects with SMM520 when the file cannot be read: that is not the same as no failures. A damaged file counts as no
   * failures: this costs one try too many, while an error would block every later version until an operator repaired
   * the file.
   */
  async read(now: Date): Promise<Map<string, Noted>> {
    const stored = Stored.safeParse(parseJson((await this.#file.read()) ?? '{}'));
    const attempts = new Map<string, Noted>();
    for (const [key, { reason, count, retryAt, at: noted, packageDigest }] of Object.entries(stored.data ?? {})) {
      const [until, at] = [new Date(retryAt), noted === undefined ? now : new Date(noted)];
      const waitMs = until.getTime() - now.getTime();
      if (waitMs < -FORGET_AFTER_MS) continue;
      const isOver = at > now || waitMs > AFTER_A_VERDICT.longestMs;
      // Earlier than `now`, because decide compares it with `observation.at`, which is before `now`.
      const next = isOver ? new Date(now.getTime() - AFTER_A_FAILURE.longestMs) : until;
      attempts.set(key, { reason, count, retryAt: next, at, packageDigest });
    }
    return attempts;
  }

  /** Notes one more failure of `key`. The wait doubles with each failure of the same package, up to a longest wait. */
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
    // A package that was refused for what it holds stays refused: only another upload changes that
    // (replaced-packages.ts).
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

  /** A full disk must not end the turn: FileWithSpare then writes to /run. */
  async #write(all: Map<string, Noted>): Promise<void> {
    await this.#file.write(`${JSON.stringify(Object.fromEntries(all), null, 2)}\n`);
  }
}
