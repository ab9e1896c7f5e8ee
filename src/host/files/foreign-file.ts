/**
 * Files in places where another user can write: /var/lib/istio, for example. What lies there may be a FIFO, which would
 * keep a reader waiting for ever, a link to a file that only root reads, or hundreds of megabytes.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { AgentError } from '../../base/errors.ts';
import { fileError, hasCode } from './file-errors.ts';

/** Configuration files have some kilobytes. */
export const MAX_FOREIGN_BYTES = 1_048_576;

export interface ForeignOptions {
  /** For a name that an operator has chosen, and that may be a link. */
  followLinks?: boolean;
}

/** As `readForeignBytes`, as text. */
export async function readForeignText(path: string, options: ForeignOptions = {}): Promise<string | null> {
  return (await readForeignBytes(path, options))?.toString('utf8') ?? null;
}

/**
 * The content of a regular file of at most 1 MiB, null when there is no such
 * file; never waits. Rejects with SMM520 for anything else at this path.
 */
export async function readForeignBytes(
  path: string,
  { followLinks = false }: ForeignOptions = {},
): Promise<Buffer | null> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | (followLinks ? 0 : constants.O_NOFOLLOW));
    await requireRegular(file);
    return await readBounded(file);
  } catch (cause) {
    if (file === null && hasCode(cause, 'ENOENT')) return null;
    if (!followLinks && hasCode(cause, 'ELOOP')) throw unusable(path, 'it is a link');
    if (cause instanceof WrongKind) throw unusable(path, cause.message);
    throw fileError('read', path, cause);
  } finally {
    await file?.close();
  }
}

class WrongKind extends Error {}

async function requireRegular(file: FileHandle): Promise<void> {
  const stat = await file.stat();
  if (!stat.isFile()) throw new WrongKind('it is not a regular file');
  if (stat.size > MAX_FOREIGN_BYTES) throw tooLarge();
}

function tooLarge(): WrongKind {
  return new WrongKind(`it has more than ${MAX_FOREIGN_BYTES} bytes`);
}

function unusable(path: string, why: string): AgentError {
  const remedy = 'put a regular file of at most 1 MiB there, and no link';
  return new AgentError('SMM520', `cannot read ${path}: ${why}`, remedy);
}

/** Stops at the limit, also in a file that grows meanwhile. */
async function readBounded(file: FileHandle): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(MAX_FOREIGN_BYTES + 1);
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, Math.min(65_536, buffer.length - filled), null);
    if (bytesRead === 0) return buffer.subarray(0, filled);
    filled += bytesRead;
  }
  throw tooLarge();
}
