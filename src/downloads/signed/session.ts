/**
 * One turn's conversation with the repository: one trusted root, one tuf-js client, one time as of which everything is
 * judged. All verified metadata is kept before an answer is given, also when a later step failed: else an attacker who
 * shows new metadata once, and then breaks off, could show older metadata the next time.
 */
import type { Updater } from 'tuf-js';
import { z } from 'zod';
import { AgentError, describeError } from '../../base/errors.ts';
import type { Clock } from '../../host/clock.ts';
import { checkpoint } from '../../host/files/checkpoints.ts';
import { parseJson } from '../../host/json.ts';
import type { HttpPolicy } from '../policy.ts';
import { MetadataCache } from './cache.ts';
import { updaterAt } from './library.ts';
import type { MetadataLimits } from './limits.ts';
import { metadataError } from './metadata-errors.ts';
import { MetadataFetcher } from './metadata-fetcher.ts';
import { Scratch } from './scratch.ts';
import { newestRoot } from './trusted-root.ts';

const Signed = z.object({
  signed: z.object({ version: z.number(), expires: z.string(), consistent_snapshot: z.boolean().optional() }),
});

export interface SessionOptions {
  metadataUrl: string;
  rootFile: string;
  cacheFolder: string;
  policy: HttpPolicy;
  limits: MetadataLimits;
  clock: Clock;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #cache: MetadataCache;
  readonly #scratch: Scratch;
  readonly #fetcher: MetadataFetcher;
  readonly #now: Date;
  #root: Buffer | null = null;
  #updater: Updater | null = null;

  constructor(options: SessionOptions) {
    const { cacheFolder, policy, limits, clock } = options;
    this.#options = options;
    this.#cache = new MetadataCache(cacheFolder, limits);
    this.#scratch = new Scratch(cacheFolder);
    this.#fetcher = new MetadataFetcher(policy, limits, clock);
    this.#now = clock.now();
  }

  /** Whether the names of target files hold their digest. Known after the first question. */
  get consistentSnapshot(): boolean {
    return signedPart(this.#root)?.consistent_snapshot === true;
  }

  /**
   * Lets tuf-js answer a question. Rejects with SMM450 to SMM456 when it finds something wrong, SMM460 when there is no
   * root to begin from, as `get` does, and with the signal's reason. Must not be called while another question is open.
   */
  async ask<T>(question: (updater: Updater) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { rootFile, limits } = this.#options;
    this.#root ??= await newestRoot(rootFile, this.#cache, limits);
    try {
      await this.#scratch.fill(this.#root, await this.#cache.roles());
      return await this.#answer(question, signal);
    } finally {
      await this.#scratch.remove();
    }
  }

  async #answer<T>(question: (updater: Updater) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { metadataUrl: metadataBaseUrl } = this.#options;
    this.#fetcher.begin(signal);
    let failure: unknown;
    try {
      this.#updater ??= await updaterAt(this.#now, {
        metadataBaseUrl,
        metadataDir: this.#scratch.path,
        fetcher: this.#fetcher,
      });
      return await question(this.#updater);
    } catch (thrown) {
      failure = this.#fetcher.failure ?? (await this.#explain(thrown));
      throw failure;
    } finally {
      await this.#keep().catch((cause) => {
        throw failure === undefined ? cause : both(failure, cause);
      });
    }
  }

  async #keep(): Promise<void> {
    checkpoint('repository-verified');
    const root = await this.#scratch.root(this.#options.limits.rootBytes);
    const version = signedPart(root)?.version ?? 0;
    const roots = [...this.#fetcher.roots].filter(([fetched]) => fetched <= version);
    await this.#cache.keep(new Map(roots), await this.#scratch.verified(this.#fetcher.fetched));
    this.#root = root ?? this.#root;
    checkpoint('repository-kept');
  }

  #explain(thrown: unknown): Promise<AgentError> {
    const { cacheFolder, limits } = this.#options;
    const expiryOf = async (role: string) => {
      const content = role === 'root' ? await this.#scratch.root(limits.rootBytes) : this.#fetcher.fetched.get(role);
      return signedPart(content ?? null)?.expires ?? null;
    };
    const { path: folder } = this.#scratch;
    return metadataError(thrown, { file: this.#fetcher.file, folder, cacheFolder, now: this.#now, expiryOf });
  }
}

function signedPart(metadata: Buffer | null) {
  return metadata === null ? null : (Signed.safeParse(parseJson(metadata.toString('utf8'))).data?.signed ?? null);
}

/**
 * The operator must learn of the attack first; that the verified metadata could not be kept is added to the sentence.
 */
function both(failure: unknown, second: unknown): unknown {
  if (!(failure instanceof AgentError)) return failure;
  const message = `${failure.message}; what had been verified before could not be kept: ${describeError(second)}`;
  return new AgentError(failure.code, message, failure.remedy, { cause: failure });
}
