/**
 * The signed repository: TUF (specification 1.0.34) as plain files behind any HTTPS server. The server is not trusted:
 * only the root that came with the package counts, and what can be verified with it.
 *
 *     <url>/metadata/N.root.json, timestamp.json, N.snapshot.json, N.targets.json
 *     <url>/targets/<folder>/<sha256>.<name>
 */
import { join } from 'node:path';
import { z } from 'zod';
import { AgentError } from '../../base/errors.ts';
import { type Clock, systemClock } from '../../host/clock.ts';
import type { ProxyServer } from '../../host/tls-agent.ts';
import { download } from '../download.ts';
import { DOWNLOAD_LIMITS, type DownloadLimits } from '../limits.ts';
import type { FetchedPackage, FetchOptions } from '../source.ts';
import { METADATA_LIMITS, type MetadataLimits } from './limits.ts';
import { baseUrl, repositoryPolicy } from './server.ts';
import { Session } from './session.ts';
import { requireUsablePath, targetFileName, targetUrl } from './target-path.ts';

export interface RepositoryOptions {
  /** `repository.url`, or that of the ConfigMap. */
  url: string;
  /** The trusted root, as it was installed. Read again in each turn. */
  rootFile: string;
  /** The metadata that was verified before; not trusted, and a folder for the agent alone. */
  cacheFolder: string;
  downloads: string;
  /** PEM file of the authorities of the server; null: those that this machine trusts. */
  caFile: string | null;
  /** The root of the machine's file system; default: `/`. */
  root?: string;
  /** Default: none. */
  proxy?: ProxyServer | null;
  clock?: Clock;
  limits?: { metadata?: MetadataLimits; download?: DownloadLimits };
  /** For test/tuf-conformance, whose server has no certificate; no configuration leads here. */
  allowHttp?: boolean;
}

/** A file as it is signed. */
export interface SignedTarget {
  path: string;
  url: string;
  /** In hex, lower case. */
  sha256: string;
  bytes: number;
  /** Its name in the folder of downloads. */
  fileName: string;
}

const Description = z.object({
  length: z.int().min(0),
  hashes: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/i) }),
});

/**
 * For one turn: everything is judged as of one time, and the repository
 * is asked for its state once. The next turn makes a new object.
 */
export class SignedRepository {
  readonly #options: RepositoryOptions;
  #refreshed: Promise<Session> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: RepositoryOptions) {
    this.#options = options;
  }

  /**
   * Brings the metadata up to date, once: later calls get the same answer. Rejects with SMM410 to SMM414 for the
   * server, SMM450 to SMM456 for its metadata, SMM460 without a root, SMM462 to SMM464 for the configuration.
   */
  async refresh(signal?: AbortSignal): Promise<void> {
    this.#refreshed ??= this.#begin(signal);
    await this.#refreshed;
  }

  /**
   * Looks a file up. Rejects as `refresh` does, with SMM457 for a path that cannot be used, SMM458 when there is no
   * such file, SMM461 for a file without SHA-256.
   */
  async target(path: string, signal?: AbortSignal): Promise<SignedTarget> {
    requireUsablePath(path);
    this.#refreshed ??= this.#begin(signal);
    const session = await this.#refreshed;
    const found = await this.#inTurn(() => session.ask((updater) => updater.getTargetInfo(path), signal));
    const base = baseUrl(this.#options.url, this.#options.allowHttp ?? false);
    // For the path "constructor", tuf-js finds the member that every object of JavaScript has.
    if (found?.path !== path) throw notFound(path, base);
    const { data } = Description.safeParse(found);
    if (data === undefined) throw unusable(path);
    const sha256 = data.hashes.sha256.toLowerCase();
    const url = targetUrl(base, path, sha256, session.consistentSnapshot);
    return { path, url, sha256, bytes: data.length, fileName: targetFileName(path) };
  }

  /** Returns when the file is on disk and has the length and digest that are signed. Rejects as `download` does. */
  async fetch(
    { url, sha256, bytes, fileName }: Pick<SignedTarget, 'url' | 'sha256' | 'bytes' | 'fileName'>,
    options: FetchOptions = {},
  ): Promise<FetchedPackage> {
    const { downloads, limits, clock = systemClock } = this.#options;
    const policy = await this.#policy();
    const wanted = { url, sha256, bytes, target: join(downloads, fileName), policy };
    return download(wanted, options, limits?.download ?? DOWNLOAD_LIMITS, clock);
  }

  async #begin(signal: AbortSignal | undefined): Promise<Session> {
    const { url, rootFile, cacheFolder, clock = systemClock, limits, allowHttp = false } = this.#options;
    const metadataUrl = `${baseUrl(url, allowHttp)}/metadata`;
    const policy = await this.#policy();
    const metadata = limits?.metadata ?? METADATA_LIMITS;
    const session = new Session({ metadataUrl, rootFile, cacheFolder, policy, limits: metadata, clock });
    await session.ask((updater) => updater.refresh(), signal);
    return session;
  }

  #policy() {
    const { caFile, root = '/', proxy = null } = this.#options;
    return repositoryPolicy({ caFile, root, proxy });
  }

  /** tuf-js answers one question at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const answer = this.#last.then(work, work);
    this.#last = answer;
    return answer;
  }
}

function notFound(path: string, base: string): AgentError {
  return new AgentError(
    'SMM458',
    `cannot find ${path} in the repository ${base}: no such file is signed there`,
    'publish it, or let the control plane name a version that is published',
  );
}

function unusable(path: string): AgentError {
  return new AgentError(
    'SMM461',
    `cannot use ${path} of the repository: it is signed without a length, or without a SHA-256`,
    'publish it again with its SHA-256',
  );
}
