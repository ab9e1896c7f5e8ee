/** How long a download may be: never longer than a limit, and if the length is known, exactly that long. */
import { AgentError } from '../base/errors.ts';
import type { WantedFile } from './source.ts';

/** SMM416 or SMM459 for a file that has at least so many bytes; null when that is right so far. */
export function lengthProblem(
  { url, bytes: wanted, policy }: WantedFile,
  maxBytes: number,
  bytes: number,
): AgentError | null {
  if (wanted !== undefined && bytes > wanted)
    return wrongLength(url, `the server sends more than the ${wanted} bytes that are signed`);
  if (bytes <= maxBytes) return null;
  const message = `cannot download ${url}: it is larger than ${maxBytes / 1e6} MB`;
  return new AgentError('SMM416', message, policy.remedies.tooLarge);
}

/**
 * The same for the length that a server announces, null if it announces none. For the rest of a file (`start` > 0), a
 * length that is too short is no error yet: the whole file is asked for then.
 */
export function announcedProblem(
  wanted: WantedFile,
  maxBytes: number,
  start: number,
  total: number | null,
): AgentError | null {
  const problem = lengthProblem(wanted, maxBytes, total ?? wanted.bytes ?? 0);
  if (problem !== null || total === null || start > 0) return problem;
  return tooShort(wanted, total);
}

/** SMM459 when a file has ended before its known length. */
export function tooShort({ url, bytes: wanted }: WantedFile, bytes: number): AgentError | null {
  if (wanted === undefined || bytes >= wanted) return null;
  return wrongLength(url, `it has ${bytes} bytes, but ${wanted} are signed`);
}

function wrongLength(url: string, reason: string): AgentError {
  return new AgentError(
    'SMM459',
    `cannot use ${url}: ${reason}`,
    'the file on the server is not the one that was signed: publish it again, and find out who changed it',
  );
}
