/** What lies where in the folder of a repository. `metadata` and `targets` are published, everything else stays at home. */
import { join, posix } from 'node:path';
import { namesIn } from '../src/host/files/files.ts';
import type { RoleName } from './signing/roles.ts';

export function metadataFolder(folder: string): string {
  return join(folder, 'metadata');
}

/** timestamp.json alone has no version in its name: it is where a client begins. */
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

/** Held by who changes a repository, or a draft in this folder. A file that only its owner can open: others serve the folder, or read it. */
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

/** A timestamp that is to appear together with a root, because no other moment suits it. */
export function preparedTimestampFile(folder: string): string {
  return join(draftsFolder(folder), 'timestamp.json');
}

/** The versions of a role that are there, in order. */
export async function versionsOf(folder: string, role: Exclude<RoleName, 'timestamp'>): Promise<number[]> {
  const pattern = new RegExp(`^([1-9]\\d*)\\.${role}\\.json$`);
  const names = await namesIn(metadataFolder(folder));
  return names
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}
