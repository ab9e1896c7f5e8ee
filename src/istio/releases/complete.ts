/** The last steps in the making of a release: its manifest is written, and its folder gets its name. */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpoint } from '../../host/files/checkpoints.ts';
import { fileError } from '../../host/files/file-errors.ts';
import { syncFolder, writeAtomically } from '../../host/files/files.ts';
import { moveToTrash, removeTree, sha256OfFile, statOf } from '../../host/files/trees.ts';
import { RELEASE_FILES, ReleaseManifest } from '../release.ts';
import type { ReleaseStore } from './store.ts';

/**
 * Writes `release.json` into a folder whose files are complete and on disk, and renames the folder to the release's
 * name. A folder that has the name already is moved away first: the caller has made sure that nothing uses it.
 * `known` holds digests by file name that were computed while the files were written.
 */
export async function completeRelease(
  store: ReleaseStore,
  folder: string,
  facts: Omit<ReleaseManifest, 'format' | 'files'>,
  known: ReadonlyMap<string, string>,
): Promise<ReleaseManifest> {
  const files: ReleaseManifest['files'] = {};
  for (const name of Object.values(RELEASE_FILES)) {
    const path = join(folder, name);
    const stat = await statOf(path);
    if (stat === null) continue;
    const sha256 = known.get(name) ?? (await sha256OfFile(path));
    files[name] = { sha256, size: stat.size, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
  }
  const manifest = ReleaseManifest.parse({ format: 1, ...facts, files });
  await writeAtomically(join(folder, RELEASE_FILES.manifest), `${JSON.stringify(manifest, null, 2)}\n`, {
    mode: 0o644,
  });
  await syncFolder(join(folder, 'bin'));
  checkpoint('stage-marked');
  const old = await moveToTrash(store.folder(manifest.id));
  checkpoint('stage-old-moved-away');
  try {
    await rename(folder, store.folder(manifest.id));
  } catch (cause) {
    throw fileError('write', store.folder(manifest.id), cause);
  }
  await syncFolder(store.paths.releases);
  checkpoint('stage-renamed');
  if (old !== null) await removeTree(old);
  return manifest;
}
