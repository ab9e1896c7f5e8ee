/**
 * Files and links that are complete or absent, also after a kill or a power cut. Reading tells "absent" (null) from
 * "unreadable" (an error): an unreadable file that counts as absent would be forgotten.
 */
import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, open, readdir, rename, stat, symlink, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { checkpoint } from './checkpoints.ts';
import { fileError, hasCode } from './file-errors.ts';

interface Owner {
  uid: number;
  gid: number;
}

/** Explicit, so that the umask under which the agent was started cannot hide a release from istio-proxy. */
export interface WriteOptions {
  mode: number;
  /** Default: the agent's own user. Without root (demo, tests) the owner cannot be chosen and is left alone. */
  owner?: Owner;
}

/** For root's files: the agent's own have some kilobytes, and a hosts file that blocks advertising has 6 MB. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;
/** No write takes this long: an older temporary file was left by a process that was killed. */
const LEFTOVER_AGE_MS = 60 * 60 * 1000;
const TEMPORARY = /^\.(.+)\.(\d+)-[0-9a-f]{8}\.smm-new$/;

/**
 * Replaces `path` by a file with this content. Returns only when file and name are on disk. A link at `path` is
 * replaced, not followed. Rejects with SMM521, or SMM522 when the disk is full.
 */
export async function writeAtomically(
  path: string,
  content: string | Uint8Array,
  options: WriteOptions,
): Promise<void> {
  await removeLeftovers(dirname(path), basename(path));
  const temporary = temporaryFor(path);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.chmod(options.mode);
      if (options.owner !== undefined && isRoot()) await file.chown(options.owner.uid, options.owner.gid);
      await file.sync();
    } finally {
      await file.close();
    }
    checkpoint('file-temporary-written');
    await rename(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(ignoreAbsent);
    throw fileError('write', path, cause);
  }
  checkpoint('file-renamed');
  await syncFolder(dirname(path));
}

/** Makes `path` a symbolic link to `target` in one step; returns only when that is on disk. Rejects with SMM521. */
export async function replaceLink(path: string, target: string): Promise<void> {
  await removeLeftovers(dirname(path), basename(path));
  const temporary = temporaryFor(path);
  try {
    await symlink(target, temporary);
    checkpoint('link-temporary-made');
    await rename(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(ignoreAbsent);
    throw fileError('write', path, cause);
  }
  checkpoint('link-renamed');
  await syncFolder(dirname(path));
}

/**
 * Removes a file or link; it is no error if there is none. Returns when the removal is on disk. Rejects with SMM521.
 */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return;
    throw fileError('remove', path, cause);
  }
  await syncFolder(dirname(path));
}

/**
 * The text of a file, null when there is none. Rejects with SMM520
 * when it cannot be read, or is larger than MAX_TEXT_BYTES.
 */
export async function readText(path: string): Promise<string | null> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > MAX_TEXT_BYTES) throw new Error(`it has ${size} bytes; at most ${MAX_TEXT_BYTES} are read`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return null;
    throw fileError('read', path, cause);
  }
}

/** Brings a folder's names to disk: without this a rename can be lost, or be on disk before the file that it names. */
export async function syncFolder(path: string): Promise<void> {
  await syncFile(path);
}

/** Brings a file's content to disk. Rejects with SMM521. */
export async function syncFile(path: string): Promise<void> {
  try {
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fileError('write', path, cause);
  }
}

/** Removes the temporary files that killed processes left in a folder: those of `name` only, or all. */
export async function removeLeftovers(folder: string, name?: string): Promise<void> {
  for (const entry of await namesIn(folder)) {
    const match = TEMPORARY.exec(entry);
    if (match === null || (name !== undefined && match[1] !== name)) continue;
    if (await isBeingWritten(join(folder, entry), Number(match[2]))) continue;
    await unlink(join(folder, entry)).catch(ignoreAbsent);
  }
}

/** The names in a folder; none if there is no such folder. Rejects with SMM520 when it cannot be read. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return [];
    throw fileError('read', folder, cause);
  }
}

/**
 * Makes a folder and its parents with this mode, under any umask; a folder that exists gets the mode. Returns when
 * the new names are on disk. Rejects with SMM521.
 */
export async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    const first = await mkdir(path, { recursive: true, mode });
    for (let made = path; first !== undefined && made.length >= first.length; made = dirname(made)) {
      // The umask restricts the mode of mkdir, and a parent that istio-proxy cannot enter hides everything in it.
      await haveMode(made, mode);
      await syncFolder(dirname(made));
    }
    await haveMode(path, mode);
  } catch (cause) {
    throw fileError('write', path, cause);
  }
}

/** Leaves a folder alone that has these permissions already: chmod would take its setgid bit away. */
async function haveMode(folder: string, mode: number): Promise<void> {
  const { mode: now } = await stat(folder);
  if ((now & 0o777) !== (mode & 0o777)) await chmod(folder, mode);
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function temporaryFor(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.smm-new`);
}

function ignoreAbsent(error: unknown): void {
  if (!hasCode(error, 'ENOENT')) throw error;
}

/**
 * A temporary file or folder is in use while its writer lives and
 * it is young. Age counts because process ids are used again.
 */
export async function isBeingWritten(path: string, pid: number): Promise<boolean> {
  try {
    const { mtimeMs } = await lstat(path);
    return Date.now() - mtimeMs < LEFTOVER_AGE_MS && isAlive(pid);
  } catch (error) {
    ignoreAbsent(error);
    return true;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}
