/**
 * Removes versions and runtimes that are not needed any more:
 * a runtime is 130 MB, and many upgrades would fill the disk.
 */
import { join } from 'node:path';
import { checkpoint } from '../host/files/checkpoints.ts';
import { namesIn, removeFile } from '../host/files/files.ts';
import { moveToTrash, removeTree } from '../host/files/trees.ts';
import { foldersInUse } from '../host/programs/in-use.ts';
import { removeLeftVersions } from './half-made.ts';
import { changeVersions } from './lock.ts';
import type { VersionStore } from './store.ts';
import { VERSION_NAME } from './version.ts';

/** Removes these versions, and every runtime that no version on disk names and no process runs. */
export function forgetVersions(store: VersionStore, remove: readonly string[], proc = '/proc'): Promise<void> {
  return changeVersions(store.paths, async () => {
    // A package, or an operator, may have switched to one of them meanwhile.
    const needed = new Set([await store.link('current'), await store.link('previous')]);
    await clean(
      store,
      remove.filter((version) => !needed.has(version)),
      proc,
    );
  });
}

async function clean(store: VersionStore, remove: readonly string[], proc: string): Promise<void> {
  const { agentState, runtimes } = store.paths;
  for (const version of remove) {
    const trash = await moveToTrash(store.folder(version));
    checkpoint('agent-version-forgotten');
    if (trash !== null) await removeTree(trash);
  }
  const left = await store.list();
  const manifests = await Promise.all(left.map((version) => store.read(version)));
  const needed = new Set(manifests.map((manifest) => manifest?.runtime));
  const inUse = await foldersInUse(runtimes, proc);
  for (const runtime of await store.runtimes()) {
    if (needed.has(runtime) || inUse.has(runtime)) continue;
    const trash = await moveToTrash(store.runtimeFolder(runtime));
    if (trash !== null) await removeTree(trash);
  }
  await removeLeftVersions(store.paths);
  await removeEvidence(agentState, left);
}

/**
 * Removes the last lines of versions that are gone. Those of a
 * version that is still rejected stay: the history may lack them.
 */
async function removeEvidence(agentState: string, left: readonly string[]): Promise<void> {
  const folder = join(agentState, 'evidence');
  const kept = new Set([...left, ...(await namesIn(join(agentState, 'rejected')))]);
  for (const name of await namesIn(folder)) {
    if (VERSION_NAME.test(name) && !kept.has(name)) await removeFile(join(folder, name));
  }
}
