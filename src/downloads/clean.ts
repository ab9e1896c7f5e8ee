/** Removes downloads that are not needed any more: those that were unpacked, and parts that were given up. */
import { join } from 'node:path';
import { namesIn, removeFile, removeLeftovers } from '../host/files/files.ts';
import { statOf } from '../host/files/trees.ts';

/** Versions whose downloads are not needed any more, since they are on disk as releases, agents or runtimes. */
export interface OnDisk {
  istio: ReadonlySet<string>;
  agent?: ReadonlySet<string>;
  runtime?: ReadonlySet<string>;
}

/** A part of a version that is still wanted is younger: each try writes to it. */
const MAX_AGE_MS = 7 * 24 * 3600 * 1000;
/** The names of downloads: official.ts has those of packages, targets.ts the others. Each holds the version. */
const KINDS: readonly [keyof OnDisk, RegExp][] = [
  ['istio', /^istio-sidecar_(.+)_(amd64|arm64)\.deb(\.part(\.json)?)?$/],
  ['agent', /^smm-agent-(.+)\.tar\.zst(\.part(\.json)?)?$/],
  ['runtime', /^node-(.+)-(amd64|arm64)\.tar\.zst(\.part(\.json)?)?$/],
];

/** Removes the downloads of versions that are on disk, and every one that is older than a week. Returns the names. */
export async function cleanDownloads(folder: string, onDisk: OnDisk, now: Date = new Date()): Promise<string[]> {
  await removeLeftovers(folder);
  const removed: string[] = [];
  for (const name of await namesIn(folder)) {
    const download = downloadOf(name);
    const stat = await statOf(join(folder, name));
    if (download === null || stat === null) continue;
    const isUnpacked = onDisk[download.kind]?.has(download.version) === true;
    if (!isUnpacked && now.getTime() - stat.mtimeMs < MAX_AGE_MS) continue;
    await removeFile(join(folder, name));
    removed.push(name);
  }
  return removed;
}

/** Null for a file that is not one of the agent's downloads: the folder may have other users. */
function downloadOf(name: string): { kind: keyof OnDisk; version: string } | null {
  for (const [kind, pattern] of KINDS) {
    const version = pattern.exec(name)?.[1];
    if (version !== undefined) return { kind, version };
  }
  return null;
}
