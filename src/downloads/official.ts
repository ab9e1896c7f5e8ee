/**
 * Istio's official downloads, or a mirror with the same layout: `<base>/<version>/deb/istio-sidecar[-arm64].deb` and
 * beside it `.sha256`. Neither is signed: the digest protects against damage, not against an attacker who controls the
 * server. A pin of the control plane does, and replaces the `.sha256`.
 */
import { join } from 'node:path';
import { AgentError, isAgentError } from '../base/errors.ts';
import { packageArchitecture } from '../host/architecture.ts';
import { type Clock, systemClock } from '../host/clock.ts';
import type { ProxyServer } from '../host/tls-agent.ts';
import { parseIstioVersion } from '../istio/version.ts';
import { Deadline } from './deadline.ts';
import { download } from './download.ts';
import { broken, get } from './http.ts';
import { DOWNLOAD_LIMITS, type DownloadLimits } from './limits.ts';
import { officialPolicy, pinnedPolicy } from './official-policy.ts';
import type { HttpPolicy } from './policy.ts';
import type { FetchedPackage, FetchOptions, PackageDescription, PackageSource } from './source.ts';

/** A digest file is 84 bytes: a minute is long, and four kilobytes are many. */
const DIGEST_LIMITS = { deadlineMs: 60_000, stallMs: 20_000 };
const MAX_DIGEST_FILE_CHARS = 4096;

export interface OfficialOptions {
  /** `istio.downloads` of the configuration. */
  baseUrl: string;
  /**
   * The SHA-256, in hex, that the control plane pins for a version and architecture; null if it pins no packages, which
   * is the default. Throws for a package that must not be used.
   */
  pinOf?: (istioVersion: string, architecture: string) => string | null;
  /** `istio.caFile`; null, the default: what this machine trusts. */
  caFile?: string | null;
  /** The root of the machine's file system; default: `/`. */
  root?: string;
  /** Default: none. */
  proxy?: ProxyServer | null;
  /** Folder of downloads. */
  folder: string;
  limits?: DownloadLimits;
  digestLimits?: { deadlineMs: number; stallMs: number };
  clock?: Clock;
}

export class OfficialDownloads implements PackageSource {
  readonly #options: OfficialOptions;
  #policy: Promise<HttpPolicy> | null = null;

  constructor(options: OfficialOptions) {
    this.#options = options;
  }

  /**
   * Rejects with SMM417 for a text that is not a version, SMM410 when the version is not published, SMM418 for an
   * unusable digest, SMM465 for http without a pin, and with the error of `pinOf`.
   */
  async describe(istioVersion: string, signal?: AbortSignal): Promise<PackageDescription> {
    requireVersion(istioVersion);
    const architecture = packageArchitecture();
    const base = this.#options.baseUrl.replace(/\/+$/, '');
    // Some servers take a `+` for a blank.
    const url = `${base}/${encodeURIComponent(istioVersion)}/deb/istio-sidecar${architecture === 'arm64' ? '-arm64' : ''}.deb`;
    const asked = () =>
      this.#digest(`${url}.sha256`, signal).catch((cause) => {
        throw isNotFound(cause) ? notPublished(istioVersion, architecture, base, cause) : cause;
      });
    const sha256 = this.#pinOf(istioVersion) ?? (await asked());
    return { istioVersion, url, sha256, fileName: downloadName(istioVersion, architecture) };
  }

  /** Rejects as `download` does. */
  async fetch(description: PackageDescription, options: FetchOptions = {}): Promise<FetchedPackage> {
    const { folder, limits = DOWNLOAD_LIMITS, clock = systemClock } = this.#options;
    const { url, sha256, fileName, istioVersion } = description;
    const policy = await this.#trust(this.#pinOf(istioVersion) === sha256);
    return download({ url, sha256, target: join(folder, fileName), policy }, options, limits, clock);
  }

  #pinOf(istioVersion: string): string | null {
    return this.#options.pinOf?.(istioVersion, packageArchitecture()) ?? null;
  }

  async #trust(isPinned: boolean): Promise<HttpPolicy> {
    const { caFile = null, root = '/', proxy = null } = this.#options;
    this.#policy ??= officialPolicy({ caFile, root, proxy });
    return isPinned ? pinnedPolicy(await this.#policy) : this.#policy;
  }

  async #digest(url: string, signal: AbortSignal | undefined): Promise<string> {
    const policy = await this.#trust(false);
    using deadline = new Deadline(url, this.#options.digestLimits ?? DIGEST_LIMITS, signal).begin();
    const { status, body } = await get(url, {}, deadline, policy);
    let text = '';
    try {
      for await (const chunk of body.setEncoding('latin1') as AsyncIterable<string>) {
        deadline.heard();
        text += chunk;
        if (text.length > MAX_DIGEST_FILE_CHARS) break;
      }
    } catch (cause) {
      throw deadline.signal.aborted ? deadline.signal.reason : broken(url, cause);
    } finally {
      body.destroy();
    }
    const first = text.trimStart().split(/\s/, 1)[0] ?? '';
    if (status === 200 && text.length <= MAX_DIGEST_FILE_CHARS && /^[0-9a-f]{64}$/i.test(first))
      return first.toLowerCase();
    const message = `cannot use ${url}: it does not begin with a SHA-256 in hex`;
    throw new AgentError('SMM418', message, 'check istio.downloads: a proxy or a login page may answer in its place');
  }
}

/** Throws SMM417 for a text that is not a version of Istio. */
export function requireVersion(istioVersion: string): void {
  // It becomes a part of a URL and of a file's name.
  if (parseIstioVersion(istioVersion)?.text === istioVersion) return;
  const message = `cannot look for Istio ${JSON.stringify(istioVersion)}: that is not a version`;
  throw new AgentError('SMM417', message, 'check the version that the control plane names');
}

/** The name of a package in the folder of downloads; cleaning finds the version in it. */
export function downloadName(istioVersion: string, architecture: string): string {
  return `istio-sidecar_${istioVersion}_${architecture}.deb`;
}

function isNotFound(error: unknown): boolean {
  return isAgentError(error, 'SMM410');
}

function notPublished(version: string, architecture: string, base: string, cause: unknown): AgentError {
  return new AgentError(
    'SMM410',
    `cannot find Istio ${version} for ${architecture}: it is not published at ${base}`,
    'wait until it is published, put it on your mirror, or correct istio.downloads',
    { cause },
  );
}
