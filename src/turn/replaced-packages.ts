/**
 * A package that was refused for what it holds is refused by its digest: as soon as the source publishes another one under the same
 * version, that one is tried. So the source is asked for the digest, 84 bytes, at each poll while a refusal stands.
 */

import { AgentError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Attempt } from '../decision/attempts.ts';
import { stageKey } from '../decision/staging.ts';
import type { Wanted } from '../decision/wanted.ts';
import type { PackageSource } from '../downloads/source.ts';
import type { Ask } from './dependencies.ts';

/** A turn has more to do than to wait for a server that does not answer. */
const TIMEOUT_MS = 10_000;

export class ReplacedPackages {
  readonly #config: Config;
  readonly #source: () => Promise<PackageSource>;
  /** What was published under a version when it was asked for in this turn; null when there was no answer. */
  readonly #published = new Map<string, string | null>();
  #mayAsk = true;

  /** `source` is that of `config.istio`. */
  constructor(config: Config, source: () => Promise<PackageSource>) {
    this.#config = config;
    this.#source = source;
  }

  beginTurn(ask: Ask): void {
    // What happens on this machine is no reason to ask a server.
    this.#mayAsk = ask !== 'recent';
    this.#published.clear();
  }

  /**
   * The attempts that count: without the refusal of what is wanted, when another package is published by now. Never rejects for what the
   * server does: then the refusal stands.
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
      // It is asked again at the next poll, and what the operator reads is why the package was refused.
      if (error instanceof AgentError || timeout.aborted) return null;
      throw error;
    }
  }
}
