/** Gives prepared versions and runtimes their names. A kill leaves nothing, or the whole folder, under a name. */
import { rename, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { checkpoint } from '../host/files/checkpoints.ts';
import { fileError } from '../host/files/file-errors.ts';
import { syncFolder } from '../host/files/files.ts';
import { moveToTrash, removeTree } from '../host/files/trees.ts';
import type { PreparedVersion } from './prepare.ts';
import type { VersionStore } from './store.ts';
import { VERSION_FILES } from './version.ts';

/**
 * The version comes after its runtime, without which it would not be complete. The caller holds the lock: a package
 * that is installed at the same time removes runtimes that no version names. A folder that has the name already was
 * found damaged: it is removed.
 */
export async function placeVersion(store: VersionStore, { version, folder, runtime }: PreparedVersion): Promise<void> {
  if (runtime.folder !== null) await give(runtime.folder, store.runtimeFolder(runtime.version));
  checkpoint('agent-runtime-placed');
  if (folder === null) return;
  const link = join(folder, VERSION_FILES.node);
  try {
    await symlink(relative(store.folder(version), store.runtimeFolder(runtime.version)), link);
  } catch (cause) {
    throw fileError('write', link, cause);
  }
  await syncFolder(folder);
  await give(folder, store.folder(version));
  checkpoint('agent-version-placed');
}

async function give(folder: string, place: string): Promise<void> {
  const damaged = await moveToTrash(place);
  try {
    await rename(folder, place);
  } catch (cause) {
    throw fileError('write', place, cause);
  }
  await syncFolder(dirname(place));
  if (damaged !== null) await removeTree(damaged);
}
