/**
 * One connection of a download: it continues the part that earlier connections left, and leaves its own to the next.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AgentError } from '../base/errors.ts';
import { checkpoint } from '../host/files/checkpoints.ts';
import { requireSpace } from '../host/files/disk-space.ts';
import { fileError } from '../host/files/file-errors.ts';
import { WriteBehind } from '../host/files/write-behind.ts';
import type { Deadline } from './deadline.ts';
import { broken, get, type Response } from './http.ts';
import { announcedProblem, lengthProblem, tooShort } from './length.ts';
import type { DownloadLimits } from './limits.ts';
import { Partial } from './partial.ts';
import type { HttpPolicy } from './policy.ts';
import { rangeHeaders, startOf, totalOf, validatorOf } from './range.ts';
import type { FetchedPackage, FetchOptions, WantedFile } from './source.ts';

/** Left free on the file system for other programs. */
const RESERVE_BYTES = 20_000_000;
const INODES = 10;

export class Attempt {
  /** Bytes that this connection has received. */
  received = 0;
  readonly #wanted: WantedFile;
  readonly #options: FetchOptions;
  readonly #limits: DownloadLimits;
  readonly #deadline: Deadline;
  readonly #partial: Partial;

  constructor(wanted: WantedFile, options: FetchOptions, limits: DownloadLimits, deadline: Deadline) {
    this.#wanted = wanted;
    this.#options = options;
    this.#limits = limits;
    this.#deadline = deadline;
    this.#partial = new Partial(wanted.target);
  }

  async run(): Promise<FetchedPackage> {
    const { url, sha256, policy } = this.#wanted;
    const earlier = await this.#partial.resume(url, sha256, this.#deadline.signal);
    if (earlier !== null && this.#isWhole(earlier.bytes, earlier.hash.copy().digest('hex'))) {
      return this.#complete(earlier.bytes);
    }
    const response = await get(url, rangeHeaders(earlier), this.#deadline, policy);
    const start = startOf(response, earlier);
    if (start === null) {
      response.body.destroy();
      if (earlier === null) throw broken(url, `the server sent a part (${response.status}) that was not asked for`);
      return this.#startAgain();
    }
    const hash = start > 0 && earlier !== null ? earlier.hash : createHash('sha256');
    const bytes = await this.#receive(response, start, hash);
    const actual = hash.digest('hex');
    if (this.#isWhole(bytes, actual)) return this.#complete(bytes);
    // Two halves that do not fit may be two versions of the file: the whole is asked for before an error is reported.
    if (start > 0) return this.#startAgain();
    await this.#partial.discard();
    throw tooShort(this.#wanted, bytes) ?? wrongDigest(url, sha256, actual, policy);
  }

  #isWhole(bytes: number, digest: string): boolean {
    return digest === this.#wanted.sha256 && tooShort(this.#wanted, bytes) === null;
  }

  async #startAgain(): Promise<FetchedPackage> {
    await this.#partial.discard();
    return this.run();
  }

  async #complete(bytes: number): Promise<FetchedPackage> {
    const { target, sha256 } = this.#wanted;
    await this.#partial.complete(target);
    return { path: target, sha256, bytes };
  }

  /** Writes the body from byte `start` on and returns the length of the file so far. */
  async #receive(response: Response, start: number, hash: ReturnType<typeof createHash>): Promise<number> {
    const { url, sha256, target } = this.#wanted;
    const { body } = response;
    const { signal } = this.#deadline;
    const stop = () => body.destroy();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const total = totalOf(response, start);
      await this.#refuse(announcedProblem(this.#wanted, this.#limits.maxBytes, start, total));
      await requireSpace(dirname(target), (total ?? this.#wanted.bytes ?? start) - start + RESERVE_BYTES, INODES);
      const file = await this.#partial.begin({ url, sha256, validator: validatorOf(response) }, start);
      const writer = new WriteBehind(file);
      let bytes = start;
      try {
        for await (const chunk of body as AsyncIterable<Buffer>) {
          this.#deadline.heard();
          this.received += chunk.length;
          bytes += chunk.length;
          await this.#refuse(lengthProblem(this.#wanted, this.#limits.maxBytes, bytes));
          hash.update(chunk);
          await writer.add(chunk).catch((cause) => this.#writeFailed(cause));
          this.#options.onProgress?.({ bytes, total });
        }
        signal.throwIfAborted();
      } finally {
        // Keeps also what came before a break: the next connection continues it.
        await this.#finish(writer, file);
      }
      return bytes;
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw cause instanceof AgentError ? cause : broken(url, cause);
    } finally {
      body.destroy();
      signal.removeEventListener('abort', stop);
    }
  }

  async #finish(writer: WriteBehind, file: FileHandle): Promise<void> {
    try {
      await writer.flush();
    } catch (cause) {
      await this.#writeFailed(cause);
    } finally {
      await file.close();
    }
    checkpoint('download-halfway');
  }

  /** Discards a part that is known to be wrong: the next connection would continue it. */
  async #refuse(problem: AgentError | null): Promise<void> {
    if (problem === null) return;
    await this.#partial.discard();
    throw problem;
  }

  /** Discards the part: if it fills the disk, no other program can write. */
  async #writeFailed(cause: unknown): Promise<never> {
    await this.#partial.discard();
    throw fileError('write', this.#wanted.target, cause);
  }
}

function wrongDigest(url: string, wanted: string, actual: string, { remedies }: HttpPolicy): AgentError {
  return new AgentError(
    'SMM415',
    `cannot use ${url}: its SHA-256 is ${actual}, wanted is ${wanted}`,
    remedies.wrongDigest,
  );
}
