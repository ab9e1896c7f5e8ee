/**
 * Unpacks an archive of the repository (a tar, compressed with Zstandard) into a folder. In the same pass the archive
 * is hashed again, since it may have changed on disk after its download. Nothing counts before every digest is right.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdDecompress } from 'node:zlib';
import { AgentError } from '../base/errors.ts';
import type { FetchedPackage } from '../downloads/source.ts';
import { fileError } from '../host/files/file-errors.ts';
import { makeFolder } from '../host/files/files.ts';
import { type ContentSink, readTar, type TarEntry } from '../host/files/tar.ts';
import { WriteBehind } from '../host/files/write-behind.ts';
import { badArchive } from './errors.ts';

/** Plain names only: no `..`, nothing absolute, nothing hidden. */
const NAME = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const MOST_FILES = 100;
/**
 * With Node's own 16 KB a runtime comes in 8,000 blocks, and
 * their handling in JavaScript takes a third of the whole time.
 */
const BLOCK_BYTES = 256 * 1024;
/** The publisher unpacks in the same way, to see what an agent would refuse. */
export const ZSTANDARD = {
  chunkSize: BLOCK_BYTES,
  // The next blocks are unpacked while one is hashed and written.
  highWaterMark: 2 * BLOCK_BYTES,
  // 8 MB: an archive that needs more memory is refused.
  params: { [constants.ZSTD_d_windowLogMax]: 23 },
};

/**
 * Writes the files below `folder`, which is empty, readable by the owner alone, and returns the SHA-256 of each. On
 * disk when it returns. Rejects with SMM701 for anything but such an archive, SMM52x, and the signal's reason.
 */
export async function unpackArchive(
  { path, sha256 }: FetchedPackage,
  folder: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const digest = createHash('sha256');
  const unpacking = new Unpacking(path, folder, maxBytes);
  try {
    await pipeline(
      createReadStream(path, { highWaterMark: BLOCK_BYTES }),
      async function* (blocks: AsyncIterable<Buffer>) {
        for await (const block of blocks) {
          digest.update(block);
          yield block;
        }
      },
      createZstdDecompress(ZSTANDARD),
      (blocks: AsyncIterable<Buffer>) => readTar(blocks, (entry) => unpacking.begin(entry)),
      ...(signal === undefined ? [] : [{ signal }]),
    );
    await unpacking.finish();
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof AgentError && cause.code !== 'SMM432') throw cause;
    throw badArchive(path, 'it is not a tar archive, compressed with Zstandard', { cause });
  } finally {
    await unpacking.close();
  }
  if (digest.digest('hex') !== sha256) throw badArchive(path, 'it has changed on disk since it was downloaded');
  return unpacking.digests;
}

/** The files of one archive, one after the other. */
class Unpacking {
  readonly digests = new Map<string, string>();
  readonly #archive: string;
  readonly #folder: string;
  #left: number;
  #file: { name: string; handle: FileHandle; writer: WriteBehind; hash: ReturnType<typeof createHash> } | null = null;

  constructor(archive: string, folder: string, maxBytes: number) {
    this.#archive = archive;
    this.#folder = folder;
    this.#left = maxBytes;
  }

  async begin(entry: TarEntry): Promise<ContentSink | null> {
    await this.finish();
    const name = entry.name.replace(/^\.\//, '').replace(/\/$/, '');
    if (entry.kind === 'folder') return null;
    const shown = JSON.stringify(entry.name);
    if (entry.kind !== 'file') throw badArchive(this.#archive, `it has something else than files: ${shown}`);
    if (!NAME.test(name)) throw badArchive(this.#archive, `it has a file with a name that is refused: ${shown}`);
    if (this.digests.has(name)) throw badArchive(this.#archive, `it has a file twice: ${shown}`);
    if (this.digests.size >= MOST_FILES) throw badArchive(this.#archive, `it has more than ${MOST_FILES} files`);
    this.#left -= entry.size;
    if (this.#left < 0) throw badArchive(this.#archive, 'it is larger than any version or runtime');
    const path = join(this.#folder, name);
    if (dirname(path) !== this.#folder) await makeFolder(dirname(path), 0o755);
    const handle = await open(path, 'wx', 0o600).catch((cause) => {
      throw fileError('write', path, cause);
    });
    const file = { name, handle, writer: new WriteBehind(handle), hash: createHash('sha256') };
    this.#file = file;
    return async (block) => {
      file.hash.update(block);
      await this.#written(path, file.writer.add(block));
    };
  }

  /** To call when the last file is complete. */
  async finish(): Promise<void> {
    if (this.#file === null) return;
    const { name, handle, writer, hash } = this.#file;
    const path = join(this.#folder, name);
    await this.#written(path, writer.flush());
    await this.#written(path, handle.sync());
    await this.close();
    this.digests.set(name, hash.digest('hex'));
  }

  async close(): Promise<void> {
    await this.#file?.handle.close();
    this.#file = null;
  }

  async #written(path: string, writing: Promise<unknown>): Promise<void> {
    try {
      await writing;
    } catch (cause) {
      throw fileError('write', path, cause);
    }
  }
}
