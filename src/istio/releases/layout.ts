/** How the files of a release lie in its folder while it is made. */
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpoint } from '../../host/files/checkpoints.ts';
import { fileError, hasCode } from '../../host/files/file-errors.ts';
import { makeFolder, syncFolder, writeAtomically } from '../../host/files/files.ts';
import { copyHashed, newFolder, statOf } from '../../host/files/trees.ts';
import type { PackageFile } from '../package/format.ts';
import { RELEASE_FILES, RELEASE_FOLDER, type ReleaseConfiguration } from '../release.ts';

/** The files that come with a package: they are the same in every release of the same package. */
export const PROGRAM_FILES = ['envoy', 'pilotAgent', 'startScript', 'bootstrapTemplate'] as const;
export type ProgramFile = (typeof PROGRAM_FILES)[number] & PackageFile;

const EXECUTABLE: ReadonlySet<string> = new Set([
  RELEASE_FILES.envoy,
  RELEASE_FILES.pilotAgent,
  RELEASE_FILES.startScript,
]);

/**
 * An operator may have written secrets into these: only root, which
 * sources them, and istio-proxy, which runs with them, read them.
 */
const PRIVATE: ReadonlySet<string> = new Set([RELEASE_FILES.clusterEnv, RELEASE_FILES.sidecarEnv, RELEASE_FILES.mesh]);

const SETGID = 0o2000;
const ROOT_GROUP = 0;

/**
 * The mode of a release's file by its name. Never setgid: dpkg
 * strips that bit from files that share an inode with its own.
 */
export function modeOf(name: string): number {
  return EXECUTABLE.has(name) ? 0o755 : 0o644;
}

/**
 * The group that files of a release inherit: that of istio-proxy (systemd/bin/agent-folders), which must be able to
 * read them. Null on a machine without that group, and before the service has started once.
 */
export async function readersGroup(releases: string): Promise<number | null> {
  const stat = await statOf(releases);
  return stat !== null && (stat.mode & SETGID) !== 0 && stat.gid !== ROOT_GROUP ? stat.gid : null;
}

/** Makes an empty folder for a release that is to get this name. */
export async function beginFolder(releases: string, name: string): Promise<string> {
  await makeFolder(releases, 0o755);
  const folder = newFolder(releases, name);
  await makeFolder(join(folder, 'bin'), 0o755);
  await makeFolder(folder, 0o755);
  checkpoint('stage-folder-made');
  return folder;
}

/**
 * Puts the program files of another release into a folder: as hard links, so that a change of configuration costs
 * kilobytes; if links are not possible, as copies.
 */
export async function linkPrograms(from: string, into: string): Promise<void> {
  for (const file of PROGRAM_FILES) {
    const name = RELEASE_FILES[file];
    try {
      await link(join(from, name), join(into, name));
    } catch (cause) {
      if (!['EXDEV', 'EMLINK', 'EPERM'].some((code) => hasCode(cause, code)))
        throw fileError('write', join(into, name), cause);
      await copyHashed(join(from, name), join(into, name), modeOf(name));
    }
  }
  await syncFolder(join(into, 'bin'));
}

/**
 * Writes the configuration files; `home` is the folder that the release will have. Only root and istio-proxy can read
 * the environment and the mesh file, if the folder has the group for that.
 */
export async function writeConfiguration(
  folder: string,
  home: string,
  { clusterEnv, sidecarEnv, mesh, hosts, rootCert }: ReleaseConfiguration,
): Promise<void> {
  const texts: [string, string | null][] = [
    [RELEASE_FILES.clusterEnv, clusterEnv],
    [RELEASE_FILES.sidecarEnv, sidecarEnv.replaceAll(RELEASE_FOLDER, home)],
    [RELEASE_FILES.mesh, mesh.replaceAll(RELEASE_FOLDER, home)],
    [RELEASE_FILES.hosts, hosts],
    [RELEASE_FILES.rootCert, rootCert],
  ];
  const hasReaders = (await readersGroup(folder)) !== null;
  for (const [name, text] of texts) {
    if (text === null) continue;
    const isPrivate = PRIVATE.has(name) && hasReaders;
    await writeAtomically(join(folder, name), text, { mode: isPrivate ? 0o640 : modeOf(name) });
  }
}
