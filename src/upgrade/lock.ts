/** The lock under which versions of the agent are changed: by the agent, by its commands, by its package and by the guard. */
import { withFileLock } from '../host/file-lock.ts';
import type { Paths } from '../paths.ts';

/** Rejects with SMM535 when somebody else has it for too long. */
export function changeVersions<T>({ opt }: Pick<Paths, 'opt'>, change: () => Promise<T>): Promise<T> {
  return withFileLock(opt, change);
}
