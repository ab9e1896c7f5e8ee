/** Whether a release on disk is unchanged since it was made, and whether istio-proxy can run it. */
import { join } from 'node:path';
import { sha256OfFile, statOf } from '../../host/files/trees.ts';
import { RELEASE_FILES, type ReleaseId } from '../release.ts';
import { modeOf, readersGroup } from './layout.ts';
import type { ReleaseStore } from './store.ts';

export interface ProblemOptions {
  /**
   * Compares digests too: a second of work for 250 MB. Without it only what `lstat` tells, cheap enough for each turn.
   */
  deep?: boolean;
  signal?: AbortSignal | undefined;
}

/**
 * What is wrong with a release, as sentences; empty when nothing is. Rejects with SMM520 when it cannot be looked at.
 */
export async function releaseProblems(
  store: ReleaseStore,
  id: ReleaseId,
  options: ProblemOptions = {},
): Promise<string[]> {
  const folder = store.folder(id);
  if ((await statOf(folder)) === null) return [`${folder} is missing`];
  const manifest = await store.read(id);
  if (manifest === null) return [`${join(folder, RELEASE_FILES.manifest)} is missing or cannot be understood`];
  const problems: string[] = [];
  for (const path of [store.paths.releases, folder, join(folder, 'bin')])
    problems.push(...(await folderProblems(path)));
  const readers = await readersGroup(store.paths.releases);
  for (const [name, record] of Object.entries(manifest.files)) {
    problems.push(...(await fileProblems(join(folder, name), modeOf(name), record, { ...options, readers })));
  }
  const required = [RELEASE_FILES.envoy, RELEASE_FILES.pilotAgent, RELEASE_FILES.startScript, RELEASE_FILES.mesh];
  for (const name of required) if (!(name in manifest.files)) problems.push(`release.json does not list ${name}`);
  return problems;
}

/** A folder that istio-proxy cannot enter keeps it from everything in it. */
async function folderProblems(path: string): Promise<string[]> {
  const stat = await statOf(path);
  if (!stat?.isDirectory()) return [`${path} is not a folder`];
  const mode = stat.mode & 0o7777;
  return (mode & 0o005) === 0o005 ? [] : [`${path} cannot be entered by istio-proxy: its mode is ${octal(mode)}`];
}

interface FileRecord {
  sha256: string;
  size?: number | undefined;
  mode: number;
  uid: number;
  gid: number;
}

async function fileProblems(
  path: string,
  needed: number,
  record: FileRecord,
  { deep = false, signal, readers }: ProblemOptions & { readers: number | null },
): Promise<string[]> {
  const stat = await statOf(path);
  if (stat === null) return [`${path} is missing`];
  if (!stat.isFile()) return [`${path} is not a regular file`];
  const problems: string[] = [];
  const mode = stat.mode & 0o7777;
  if (mode !== record.mode) problems.push(`${path} has mode ${octal(mode)} instead of ${octal(record.mode)}`);
  // The group of istio-proxy may do what other users may not.
  const granted = stat.gid === readers ? mode | (mode >> 3) : mode;
  if ((granted & needed & 0o005) !== (needed & 0o005)) {
    problems.push(
      `${path} cannot be ${needed & 0o001 ? 'executed' : 'read'} by istio-proxy: its mode is ${octal(mode)}`,
    );
  }
  if (stat.uid !== record.uid || stat.gid !== record.gid) {
    problems.push(`${path} belongs to ${stat.uid}:${stat.gid} instead of ${record.uid}:${record.gid}`);
  }
  if (record.size !== undefined && stat.size !== record.size) {
    problems.push(`${path} has ${stat.size} bytes instead of ${record.size}`);
  } else if (deep && (await sha256OfFile(path, signal)) !== record.sha256) {
    problems.push(`${path} has other content than when the release was made`);
  }
  return problems;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
