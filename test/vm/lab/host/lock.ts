/**
 * A lock between processes that survives the death of its holder: the file names the holder, and a dead holder's lock
 * is taken over.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { say } from '../say.ts';
import { until } from '../until.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

const A_BUILD_MS = 45 * 60_000;

export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  if (!tryLock(path)) {
    say(`waiting for another run to release ${path}`);
    await until(`the lock ${path}`, () => tryLock(path), A_BUILD_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(path);
  }
}

/** The content is there from the first moment (link of a finished file): another run never reads half a lock. */
function tryLock(path: string): boolean {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(identify(process.pid)));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    removeIfStale(path);
    return false;
  } finally {
    rmSync(draft);
  }
}

function removeIfStale(path: string): void {
  const holder = readHolder(path);
  if (holder === undefined || isAlive(holder)) return;
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = readHolder(aside);
  // Between reading and moving, a living process may have taken the lock: give it back.
  if (moved !== undefined && isAlive(moved)) linkSync(aside, path);
  rmSync(aside);
}

function readHolder(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
