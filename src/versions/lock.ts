/**
 * The lock under which versions of the agent are changed: by
 * the agent, by its commands, by its package and by the guard.
 */
import { isAgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { withFileLock } from '../host/files/file-lock.ts';

/** Rejects with SMM535 when another process holds it for longer than `waitSeconds`. */
export function changeVersions<T>(
  { opt }: Pick<Paths, 'opt'>,
  change: () => Promise<T>,
  waitSeconds?: number,
): Promise<T> {
  return withFileLock(opt, change, waitSeconds);
}

/** Whether this error means that the lock could not be taken. */
export function isUnlockable(error: unknown): boolean {
  return isAgentError(error, 'SMM535', 'SMM536');
}
