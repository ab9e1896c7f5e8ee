/**
 * A download that is not complete: `<name>.part` with what has come, and `<name>.part.json` with what it is a part of.
 * Both outlive the agent, so that a killed download of 100 MB goes on where it stopped.
 */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rename, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { checkpoint } from '../host/files/checkpoints.ts';
import { fileError } from '../host/files/file-errors.ts';
import { readText, removeFile, syncFile, syncFolder, writeAtomically } from '../host/files/files.ts';
import { hashFile, statOf } from '../host/files/trees.ts';
import { parseJson } from '../host/json.ts';

const Origin = z.object({
  url: z.string(),
  sha256: z.string(),
  /** A strong ETag or a Last-Modified: what If-Range takes. */
  validator: z.string().nullable(),
});
export type Origin = z.infer<typeof Origin>;

/** What is on disk of an earlier try. */
export interface Progress {
  bytes: number;
  /** Over these bytes; it goes on over the rest. */
  hash: Hash;
  validator: string | null;
}

export class Partial {
  readonly #path: string;
  readonly #origin: string;

  constructor(target: string) {
    this.#path = `${target}.part`;
    this.#origin = `${target}.part.json`;
  }

  /** What can be built upon: null when there is nothing, or a part of something else, which is discarded. */
  async resume(url: string, sha256: string, signal?: AbortSignal): Promise<Progress | null> {
    const origin = parseOrigin(await readText(this.#origin));
    const stat = await statOf(this.#path);
    const isOurs = origin !== null && origin.sha256 === sha256 && stat?.isFile() && stat.size > 0;
    if (!isOurs) {
      await this.discard();
      return null;
    }
    const hash = createHash('sha256');
    const bytes = await hashFile(this.#path, hash, signal);
    // Another mirror of the same file has ETags of its own; the digest tells whether the halves fit.
    return { bytes, hash, validator: origin.url === url ? origin.validator : null };
  }

  /** Opens the file to be written from `from` bytes on, and notes what it will be a part of. */
  async begin(origin: Origin, from: number): Promise<FileHandle> {
    try {
      // The note comes first: bytes without a note are discarded, bytes under a wrong note would be built upon.
      if (from === 0) await removeFile(this.#path);
      else await truncate(this.#path, from);
      await writeAtomically(this.#origin, `${JSON.stringify(origin)}\n`, { mode: 0o600 });
      const file = await open(this.#path, 'a', 0o600);
      checkpoint('download-begun');
      return file;
    } catch (cause) {
      throw fileError('write', this.#path, cause);
    }
  }

  /** Makes the complete and checked part the file that it was for; returns when that is on disk. */
  async complete(target: string): Promise<void> {
    checkpoint('download-complete');
    try {
      await syncFile(this.#path);
      await rename(this.#path, target);
    } catch (cause) {
      throw fileError('write', target, cause);
    }
    checkpoint('download-renamed');
    await syncFolder(dirname(target));
    await removeFile(this.#origin);
  }

  /** Removes both files; that there are none is no error. */
  async discard(): Promise<void> {
    await removeFile(this.#origin);
    await removeFile(this.#path);
  }
}

/** A note that cannot be understood is worth as much as none: the download begins anew. */
function parseOrigin(text: string | null): Origin | null {
  return text === null ? null : (Origin.safeParse(parseJson(text)).data ?? null);
}
