/**
 * A download that is not complete: `<name>.part` holds the bytes so far, and `<name>.part.json` says of which file they
 * are. Both survive the end of the agent, so that a killed download of 100 MB goes on where it stopped.
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
  /** A strong ETag or a Last-Modified, as If-Range needs it. */
  validator: z.string().nullable(),
});
export type Origin = z.infer<typeof Origin>;

/** The part of an earlier try that is on disk. */
export interface Progress {
  bytes: number;
  /** The hash of these bytes, to be continued with the rest. */
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

  /** The part that can be continued; null if there is none. A part of another file is discarded. */
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

  /** Opens the file for writing after its first `from` bytes, and writes down of which file it is a part. */
  async begin(origin: Origin, from: number): Promise<FileHandle> {
    try {
      // The record comes first: bytes without a record are discarded, bytes with a wrong record would be continued.
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

  /** Gives the complete and verified part the name of its file; returns when that is on disk. */
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

  /** Removes both files; it is no error if there are none. */
  async discard(): Promise<void> {
    await removeFile(this.#origin);
    await removeFile(this.#path);
  }
}

/** A record that cannot be understood counts as none: the download begins again. */
function parseOrigin(text: string | null): Origin | null {
  return text === null ? null : (Origin.safeParse(parseJson(text)).data ?? null);
}
