/** Folders of versions and runtimes that a killed agent was making or removing. */
import { join } from 'node:path';
import type { Paths } from '../base/paths.ts';
import { namesIn } from '../host/files/files.ts';
import { isLeftover, removeTree } from '../host/files/trees.ts';

/** Must not run while a version is prepared. */
export async function removeLeftVersions({ versions, runtimes }: Pick<Paths, 'versions' | 'runtimes'>): Promise<void> {
  for (const parent of [versions, runtimes]) {
    for (const name of await namesIn(parent)) {
      if (isLeftover(name)) await removeTree(join(parent, name));
    }
  }
}
