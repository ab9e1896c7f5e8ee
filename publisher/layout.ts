/**
 * The layout of a repository's folder. `metadata` and `targets`
 * are published, everything else stays with the publisher.
 */
import { join, posix } from 'node:path';
import { namesIn } from '../src/host/files/files.ts';
import type { RoleName } from './signing/roles.ts';

export function metadataFolder(folder: string): string {
  return join(folder, 'metadata');
}

/** Only timestamp.json has no version in its name: a client begins there. */
export function metadataFile(folder: string, role: RoleName, version: number): string {
  return join(metadataFolder(folder), role === 'timestamp' ? 'timestamp.json' : `${version}.${role}.json`);
}

export function targetsFolder(folder: string): string {
  return join(folder, 'targets');
}

/** Below `targets`, with the digest in the name: a file never changes, and two versions of one lie side by side. */
export function targetFile(folder: string, path: string, sha256: string): string {
  return join(targetsFolder(folder), posix.dirname(path), `${sha256}.${posix.basename(path)}`);
}

/**
 * Locked while a repository, or a draft in this folder, is changed.
 * Only its owner can open it: others may serve or read the folder.
 */
export function lockFile(folder: string): string {
  return join(folder, '.lock');
}

export function draftsFolder(folder: string): string {
  return join(folder, 'drafts');
}

/** A root that waits for signatures. */
export function draftFile(folder: string, version: number): string {
  return join(draftsFolder(folder), `${version}.root.json`);
}

/** A timestamp that must appear together with a root, because it is valid only from then on. */
export function preparedTimestampFile(folder: string): string {
  return join(draftsFolder(folder), 'timestamp.json');
}

/** The versions of a role on disk, in order. */
export async function versionsOf(folder: string, role: Exclude<RoleName, 'timestamp'>): Promise<number[]> {
  const pattern = new RegExp(`^([1-9]\\d*)\\.${role}\\.json$`);
  const names = await namesIn(metadataFolder(folder));
  return names
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}
