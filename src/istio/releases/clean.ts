/** Removes old releases and what killed runs left; the releases that run, that a link names, and one more stay. */
import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { checkpoint } from '../../host/files/checkpoints.ts';
import { fileError } from '../../host/files/file-errors.ts';
import { namesIn, removeFile, removeLeftovers, syncFolder } from '../../host/files/files.ts';
import { isLeftover, moveToTrash, removeTree, statOf, TRASHED } from '../../host/files/trees.ts';
import { foldersInUse } from '../../host/programs/in-use.ts';
import { RELEASE_FILES, RELEASE_ID, type ReleaseId } from '../release.ts';
import type { ReleaseStore } from './store.ts';

/** So many of the unused releases stay, the newest: an operator may want to go back to them. */
const SPARE = 1;

/**
 * Removes what is not needed and returns the names of the folders that are gone. `needed` are the
 * releases that the caller knows to run or may go back to, `spare` how many of the others stay.
 * /proc is asked here too, before and after each folder is renamed. Must not run while a release
 * is being staged. Rejects with SMM440, SMM446 or SMM52x; it never deletes what is in use.
 */
export async function cleanReleases(
  store: ReleaseStore,
  needed: ReadonlySet<ReleaseId>,
  proc = '/proc',
  spare = SPARE,
): Promise<string[]> {
  const { releases } = store.paths;
  const removable = await removableFolders(store, needed, spare);
  const inUse = await foldersInUse(releases, proc);
  const removed: string[] = [];
  for (const name of removable) {
    if (inUse.has(name)) await giveNameBack(releases, name);
    else if (await removeUnlessUsed(releases, name, proc)) removed.push(name);
  }
  await removeLeftovers(join(releases, '..'));
  return removed;
}

/**
 * Removes what killed runs left of releases that were being made or deleted: each has the size of a release. Called
 * before another release is begun: an agent that is killed again and again in the middle would fill the disk.
 */
export async function cleanLeftovers({ paths: { releases } }: ReleaseStore, proc = '/proc'): Promise<void> {
  const leftovers = (await namesIn(releases)).filter(isLeftover);
  if (leftovers.length === 0) return;
  const inUse = await foldersInUse(releases, proc);
  for (const name of leftovers) {
    if (inUse.has(name)) await giveNameBack(releases, name);
    else await removeUnlessUsed(releases, name, proc);
  }
}

/** Our folders that no rule keeps. A folder whose name is not one of ours is left alone. */
async function removableFolders(
  store: ReleaseStore,
  needed: ReadonlySet<ReleaseId>,
  spares: number,
): Promise<string[]> {
  const complete = await store.list();
  const kept = new Set([...needed, await store.link('active'), await store.link('staged')]);
  const rest = complete.filter(({ id }) => !kept.has(id));
  const spare = rest.slice(Math.max(rest.length - spares, 0));
  for (const { id } of spare) kept.add(id);
  const names = await namesIn(store.paths.releases);
  const isOurs = (name: string) => RELEASE_ID.test(name) || isLeftover(name);
  return names.filter((name) => isOurs(name) && !kept.has(name));
}

/**
 * Renames the folder first, so that nothing can be started from it any more. A process that began just before is then
 * seen in /proc under the new name, and the folder gets its name back.
 */
async function removeUnlessUsed(releases: string, name: string, proc: string): Promise<boolean> {
  const trash = isLeftover(name) ? join(releases, name) : await moveToTrash(join(releases, name));
  if (trash === null) return false;
  checkpoint('clean-moved-away');
  if ((await foldersInUse(releases, proc)).has(basename(trash))) {
    await giveNameBack(releases, basename(trash));
    return false;
  }
  await removeFile(join(trash, RELEASE_FILES.manifest));
  checkpoint('clean-marker-removed');
  await removeTree(trash);
  return true;
}

/**
 * A release that is being removed and runs gets its name back,
 * unless another folder has it: the release's files name that path.
 */
async function giveNameBack(releases: string, name: string): Promise<void> {
  const id = TRASHED.exec(name)?.[1];
  if (id === undefined || (await statOf(join(releases, id))) !== null) return;
  try {
    await rename(join(releases, name), join(releases, id));
  } catch (cause) {
    throw fileError('write', join(releases, id), cause);
  }
  await syncFolder(releases);
}
