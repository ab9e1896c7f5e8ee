/** How tuf-js gets metadata: over the agent's own HTTP, bounded in bytes and time, and never by way of a file. */
import type { Fetcher } from 'tuf-js';
import { AgentError } from '../../base/errors.ts';
import type { Clock } from '../../host/clock.ts';
import { Deadline } from '../deadline.ts';
import { DownloadError } from '../errors.ts';
import { broken, get, type Response } from '../http.ts';
import type { HttpPolicy } from '../policy.ts';
import { bytesOf, type MetadataLimits } from './limits.ts';
import { requireSoundShape } from './shape.ts';

/** A bucket without the right to list answers 403 for a file that does not exist. */
const NO_NEWER_ROOT = [403, 404];

export class MetadataFetcher implements Fetcher {
  /** The file that was asked for last. */
  file = 'root.json';
  /** The last error of this fetcher: tuf-js passes on only its text. */
  failure: unknown = null;
  /** The last file of each role except the root, and each root by its version; not verified. */
  readonly fetched = new Map<string, Buffer>();
  readonly roots = new Map<number, Buffer>();
  readonly #policy: HttpPolicy;
  readonly #limits: MetadataLimits;
  readonly #clock: Clock;
  #signal: AbortSignal | undefined;
  #endsAt = 0;
  #hasAllRoots = false;

  constructor(policy: HttpPolicy, limits: MetadataLimits, clock: Clock) {
    this.#policy = policy;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** To call before each question. The signal stops it. */
  begin(signal: AbortSignal | undefined): void {
    this.#signal = signal;
    this.#endsAt = this.#clock.bootTimeMs() + this.#limits.questionMs;
    this.failure = null;
  }

  /**
   * Rejects as `get` does, with SMM453 for a file that is too large, SMM455 for one key under two names, and with
   * tuf-js's own error when there is no newer root.
   */
  async downloadBytes(url: string, maxLength: number): Promise<Buffer> {
    const bytes = await this.#download(url, maxLength).catch((error: unknown) => {
      this.failure = error;
      throw error;
    });
    if (bytes !== null) return bytes;
    // The only error that tells tuf-js that it has the newest root.
    const { DownloadHTTPError } = await import('tuf-js/dist/error.js');
    throw new DownloadHTTPError('there is no newer root', 404);
  }

  async downloadFile<T>(url: string): Promise<T> {
    throw new Error(`tuf-js is never asked for a target: ${url}`);
  }

  async #download(url: string, signedLength: number): Promise<Buffer | null> {
    this.file = decodeURIComponent(url.slice(url.lastIndexOf('/') + 1));
    const [, version, role = ''] = /^(?:(\d+)\.)?(.*)\.json$/s.exec(this.file) ?? [];
    // Roots come first. Later such a name is that of a delegated role: the owner of that role must not pass a root in.
    this.#hasAllRoots ||= role !== 'root';
    const isRoot = !this.#hasAllRoots;
    const maxBytes = Math.min(signedLength, bytesOf(role, this.#limits));
    const { fileMs, stallMs, members } = this.#limits;
    const deadlineMs = Math.max(Math.min(fileMs, this.#endsAt - this.#clock.bootTimeMs()), 1);
    using deadline = new Deadline(url, { deadlineMs, stallMs }, this.#signal).begin();
    const response = await get(url, {}, deadline, this.#policy, isRoot ? NO_NEWER_ROOT : []);
    if (NO_NEWER_ROOT.includes(response.status)) {
      response.body.destroy();
      return null;
    }
    const bytes = await this.#read(response, url, maxBytes, deadline);
    await requireSoundShape(this.file, bytes, members);
    if (isRoot) this.roots.set(Number(version), bytes);
    else this.fetched.set(role, bytes);
    return bytes;
  }

  async #read({ status, body }: Response, url: string, maxBytes: number, deadline: Deadline): Promise<Buffer> {
    const { signal } = deadline;
    const stop = () => body.destroy();
    signal.addEventListener('abort', stop, { once: true });
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      if (status !== 200) throw new DownloadError('SMM411', `cannot download ${url}: the server answers ${status}`);
      for await (const chunk of body as AsyncIterable<Buffer>) {
        deadline.heard();
        bytes += chunk.length;
        if (bytes > maxBytes) throw this.#tooLong(maxBytes);
        chunks.push(chunk);
      }
      signal.throwIfAborted();
      return Buffer.concat(chunks);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw cause instanceof AgentError ? cause : broken(url, cause);
    } finally {
      body.destroy();
      signal.removeEventListener('abort', stop);
    }
  }

  #tooLong(maxBytes: number): AgentError {
    return new AgentError(
      'SMM453',
      `cannot use ${this.file} of the repository: it is longer than ${maxBytes} bytes`,
      'check repository.url and the file there: it is longer than any metadata may be, or longer than its signed length',
    );
  }
}
