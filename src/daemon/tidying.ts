/**
 * What is put in order once in a daemon's life: the leftovers of runs that were killed, and the format of the state. No turn waits for
 * it or fails for it: what cannot be done is told, and the agent does its work all the same.
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
   * At the beginning of each turn of a version that is not on probation. Sweeping is tried once in a daemon's life, since the lock that it
   * waits for may be held for long; what it leaves goes with the next upgrade or release. The format is tried until it is done.
   */
  async run(): Promise<void> {
    if (!this.#isSwept) {
      this.#isSwept = true;
      await this.#attempt('cannot remove what killed runs have left', () => sweep(this.#parts.paths));
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
      // Once, and not at each turn.
      if (said !== this.#told) this.#parts.log.warn(said);
      this.#told = said;
      return false;
    }
  }
}

/** Releases and runtimes: hundreds of megabytes until the next one is made. */
async function sweep(paths: Paths): Promise<void> {
  const { cleanLeftovers } = await import('../istio/releases/clean.ts');
  const { ReleaseStore } = await import('../istio/releases/store.ts');
  await cleanLeftovers(new ReleaseStore(paths));
  const { forgetVersions } = await import('../versions/clean.ts');
  const { VersionStore } = await import('../versions/store.ts');
  await forgetVersions(new VersionStore(paths), []);
}

/** Of a version that came with a package, was killed after its confirmation, or had no room then. */
async function migrate({ paths, log }: TidyingParts): Promise<void> {
  for (const what of await migrateState(paths)) log.info(what);
}
