/** Downloads that nobody needs any more: packages whose release is on disk, and parts that were given up. */
import { join } from 'node:path';
import { namesIn, removeFile, removeLeftovers } from '../host/files.ts';
import { statOf } from '../host/trees.ts';

/** A part of a version that is still wanted is younger: each try writes to it. */
const MAX_AGE_MS = 7 * 24 * 3600 * 1000;
const PACKAGE = /^istio-sidecar_(.+)_(amd64|arm64)\.deb(\.part(\.json)?)?$/;

/** Removes packages of the versions that are on disk as releases, and everything older than a week. Returns the names. */
export async function cleanDownloads(
  folder: string,
  versionsOnDisk: ReadonlySet<string>,
  now: Date = new Date(),
): Promise<string[]> {
  await removeLeftovers(folder);
  const removed: string[] = [];
  for (const name of await namesIn(folder)) {
    const match = PACKAGE.exec(name);
    const stat = await statOf(join(folder, name));
    if (match === null || stat === null) continue;
    const isUnpacked = versionsOnDisk.has(match[1] ?? '');
    if (!isUnpacked && now.getTime() - stat.mtimeMs < MAX_AGE_MS) continue;
    await removeFile(join(folder, name));
    removed.push(name);
  }
  return removed;
}
