/**
 * Work that is done once in a daemon's life: remove the leftovers of killed runs, and bring the state to its format. A
 * failure here is logged, and does not fail the turn.
 */
import { describeError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import type { Log } from '../host/log/log.ts';
import { migrateState } from '../versions/state/format.ts';

export interface TidyingParts {
  paths: Paths;
  log: Log;
  /** $INVOCATION_ID of a daemon that systemd runs; null elsewhere. */
  invocation: string | null;
}

export class Tidying {
  readonly #parts: TidyingParts;
  #isSwept = false;
  #isMigrated: boolean;
  #told: string | null = null;

  constructor(parts: TidyingParts) {
    this.#parts = parts;
    this.#isMigrated = parts.invocation === null;
  }

  /**
   * Called at the beginning of each turn of a version that is not on probation. Leftovers are removed at one try only,
   * since the lock may be held for long; the next upgrade or release removes the rest. The format is tried until it
   * succeeds.
   */
  async run(): Promise<void> {
    if (!this.#isSwept) {
      this.#isSwept = true;
      await this.#attempt('cannot remove the leftovers of killed runs', () => sweep(this.#parts.paths));
    }
    if (!this.#isMigrated) {
      this.#isMigrated = await this.#attempt('cannot bring the state to its format', () => migrate(this.#parts));
    }
  }

  async #attempt(sentence: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const said = `${sentence}: ${describeError(error)}`;
      // Log the warning once, and not at each turn.
      if (said !== this.#told) this.#parts.log.warn(said);
      this.#told = said;
      return false;
    }
  }
}

/** Half-made releases, versions and runtimes take hundreds of megabytes. */
async function sweep(paths: Paths): Promise<void> {
  const { cleanLeftovers } = await import('../istio/releases/clean.ts');
  const { ReleaseStore } = await import('../istio/releases/store.ts');
  await cleanLeftovers(new ReleaseStore(paths));
  const { forgetVersions } = await import('../versions/clean.ts');
  const { VersionStore } = await import('../versions/store.ts');
  await forgetVersions(new VersionStore(paths), []);
}

/**
 * A confirmation migrates the state. This does it for a version that came with a package, or whose migration failed or
 * was killed.
 */
async function migrate({ paths, log }: TidyingParts): Promise<void> {
  for (const what of await migrateState(paths)) log.info(what);
}
