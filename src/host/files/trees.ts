/**
 * Whole folders and large files: hashes, copies and removes them, and never leaves half a folder under its own name.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileError, hasCode } from './file-errors.ts';
import { syncFile, syncFolder } from './files.ts';

/** Large enough that a 150 MB binary costs few calls, small enough for the memory of an idle agent. */
const BLOCK_BYTES = 256 * 1024;

/** SHA-256 of a file in hex, read in blocks. Does not follow a link at `path`. Rejects with SMM520. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await hashFile(path, hash, signal);
  return hash.digest('hex');
}

/** Adds a file's content to a hash and returns its length in bytes. Rejects with SMM520. */
export async function hashFile(path: string, hash: Hash, signal?: AbortSignal): Promise<number> {
  let bytes = 0;
  await readBlocks(
    path,
    (block) => {
      hash.update(block);
      bytes += block.length;
    },
    signal,
  );
  return bytes;
}

/**
 * Copies a regular file to a new one with `mode`, fsyncs it, and
 * returns the SHA-256 of what was copied. Rejects with SMM521.
 */
export async function copyHashed(from: string, to: string, mode: number, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    const target = await open(to, 'wx', 0o600);
    try {
      await readBlocks(
        from,
        async (block) => {
          hash.update(block);
          await target.writeFile(block);
        },
        signal,
      );
      await target.chmod(mode);
      await target.sync();
    } finally {
      await target.close();
    }
  } catch (cause) {
    throw signal?.aborted ? cause : fileError('copy', from, cause);
  }
  return hash.digest('hex');
}

/** Brings every file and folder of a tree to disk, the innermost first. */
export async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else if (entry.isFile()) await syncFile(path);
  }
  await syncFolder(folder);
}

/** The prefix of folders that are being made. */
const NEW_PREFIX = '.new-';
/** The prefix of folders that are being removed. */
const TRASH_PREFIX = '.trash-';

/** Whether a folder is being made or removed. It does not count for anything, and cleaning removes what a kill left. */
export function isLeftover(name: string): boolean {
  return name.startsWith(NEW_PREFIX) || name.startsWith(TRASH_PREFIX);
}

/** A new path for a folder that is being made in `parent` and gets its name afterwards. */
export function newFolder(parent: string, name: string): string {
  return join(parent, `${NEW_PREFIX}${name}.${randomBytes(4).toString('hex')}`);
}

/** Finds the earlier name of a folder that is being removed. */
export const TRASHED = /^\.trash-(.+)\.[0-9a-f]{8}$/;

/**
 * Renames a folder to one that is being removed, in one step, and returns its new path; null when there was none.
 * Processes that run from it go on: their `/proc/<pid>/exe` names the new path.
 */
export async function moveToTrash(folder: string): Promise<string | null> {
  const trash = join(dirname(folder), `${TRASH_PREFIX}${basename(folder)}.${randomBytes(4).toString('hex')}`);
  try {
    await rename(folder, trash);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return null;
    throw fileError('remove', folder, cause);
  }
  await syncFolder(dirname(folder));
  return trash;
}

/**
 * Deletes a folder with everything in it; it is no error if there is none. Never follows links. Rejects with SMM521.
 */
export async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch (cause) {
    throw fileError('remove', folder, cause);
  }
  await syncFolder(dirname(folder));
}

/** What lies at a path, links not followed; null when nothing does. Rejects with SMM520. */
export async function statOf(path: string) {
  try {
    return await lstat(path);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT') || hasCode(cause, 'ENOTDIR')) return null;
    throw fileError('read', path, cause);
  }
}

async function readBlocks(
  path: string,
  consume: (block: Uint8Array) => unknown,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    // O_NONBLOCK: a FIFO that another user has put there would block us for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile()) throw new Error('it is not a regular file');
      const buffer = Buffer.allocUnsafe(BLOCK_BYTES);
      for (;;) {
        signal?.throwIfAborted();
        const { bytesRead } = await file.read(buffer, 0, BLOCK_BYTES, null);
        if (bytesRead === 0) return;
        await consume(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw signal?.aborted ? cause : fileError('read', path, cause);
  }
}
