/**
 * A package that was refused for its content is refused by its digest: if the source publishes another package of the
 * same version, the agent tries it at once. So while a refusal is noted, each poll asks the source for the digest,
 * which is 84 bytes.
 */

import { AgentError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Attempt } from '../decision/attempts.ts';
import { stageKey } from '../decision/staging.ts';
import type { Wanted } from '../decision/wanted.ts';
import type { PackageSource } from '../downloads/source.ts';
import type { Ask } from './dependencies.ts';

/** A server that does not answer must not delay the turn for longer. */
const TIMEOUT_MS = 10_000;

export class ReplacedPackages {
  readonly #config: Config;
  readonly #source: () => Promise<PackageSource>;
  /** The digest of each version's published package, as asked in this turn; null if there was no answer. */
  readonly #published = new Map<string, string | null>();
  #mayAsk = true;

  /** `source` makes the source that `config.istio` names. */
  constructor(config: Config, source: () => Promise<PackageSource>) {
    this.#config = config;
    this.#source = source;
  }

  beginTurn(ask: Ask): void {
    // An event of this machine is no reason to ask a server.
    this.#mayAsk = ask !== 'recent';
    this.#published.clear();
  }

  /**
   * The attempts, without the refusal of the wanted version if another package is published by now. Does not reject if
   * the server fails: then the refusal stays.
   */
  async without(attempts: Map<string, Attempt>, wanted: Wanted | null, now: Date): Promise<Map<string, Attempt>> {
    const { source, downloads } = this.#config.istio;
    if (source !== 'official' || wanted?.answer !== 'release' || !this.#mayAsk) return attempts;
    const key = stageKey(wanted, downloads);
    const attempt = attempts.get(key);
    if (attempt?.packageDigest === undefined || attempt.retryAt <= now) return attempts;
    const published = await this.#digestOf(wanted.istioVersion);
    if (published === null || published === attempt.packageDigest) return attempts;
    const others = new Map(attempts);
    others.delete(key);
    return others;
  }

  async #digestOf(istioVersion: string): Promise<string | null> {
    const known = this.#published.get(istioVersion);
    if (known !== undefined) return known;
    const published = await this.#ask(istioVersion);
    this.#published.set(istioVersion, published);
    return published;
  }

  async #ask(istioVersion: string): Promise<string | null> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const source = await this.#source();
      return (await source.describe(istioVersion, timeout)).sha256;
    } catch (error) {
      // The next poll asks again. The operator has to read why the package was refused, not this error.
      if (error instanceof AgentError || timeout.aborted) return null;
      throw error;
    }
  }
}
