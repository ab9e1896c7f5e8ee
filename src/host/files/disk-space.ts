/** Checks the room on disk before work begins, so that /opt does not become full in the middle of an upgrade. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AgentError } from '../../base/errors.ts';
import { fileError, hasCode } from './file-errors.ts';

export interface Space {
  /** Bytes that an ordinary writer may use, without the reserve of root. */
  freeBytes: number;
  /** null on a file system that has no fixed number of inodes (btrfs). */
  freeInodes: number | null;
}

/** Free room on the file system of `path`, or of its nearest parent that exists. Rejects with SMM520. */
export async function freeSpace(path: string): Promise<Space> {
  try {
    const { bavail, bsize, ffree, files } = await statfs(path);
    return { freeBytes: bavail * bsize, freeInodes: files === 0 ? null : ffree };
  } catch (cause) {
    if (hasCode(cause, 'ENOENT') && dirname(path) !== path) return freeSpace(dirname(path));
    throw fileError('read', path, cause);
  }
}

/** Rejects with SMM523 when the file system of `path` has less than `bytes` or `inodes` free. */
export async function requireSpace(path: string, bytes: number, inodes: number): Promise<void> {
  const { freeBytes, freeInodes } = await freeSpace(path);
  const lacking: string[] = [];
  if (freeBytes < bytes) lacking.push(`${megabytes(bytes)} are needed and ${megabytes(freeBytes)} are free`);
  if (freeInodes !== null && freeInodes < inodes) {
    lacking.push(`${inodes} inodes are needed and ${freeInodes} are free`);
  }
  if (lacking.length === 0) return;
  throw new AgentError(
    'SMM523',
    `cannot use the file system of ${path}: ${lacking.join(', ')}`,
    'make room on it; the agent tries again by itself',
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
