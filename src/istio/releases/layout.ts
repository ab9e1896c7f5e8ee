/** How the files of a release lie in its folder while it is made. */
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpoint } from '../../host/checkpoints.ts';
import { fileError, hasCode } from '../../host/file-errors.ts';
import { makeFolder, syncFolder, writeAtomically } from '../../host/files.ts';
import type { PackageFile } from '../../host/packages/format.ts';
import { copyHashed, newFolder } from '../../host/trees.ts';
import { RELEASE_FILES, RELEASE_FOLDER, type ReleaseConfiguration } from '../release.ts';

/** The files that come with a package: they are the same in every release of the same package. */
export const PROGRAM_FILES = ['envoy', 'pilotAgent', 'startScript', 'bootstrapTemplate'] as const;
export type ProgramFile = (typeof PROGRAM_FILES)[number] & PackageFile;

const EXECUTABLE: ReadonlySet<string> = new Set([
  RELEASE_FILES.envoy,
  RELEASE_FILES.pilotAgent,
  RELEASE_FILES.startScript,
]);

/** The mode of a release's file by its name. Never setgid: dpkg strips that from what it shares an inode with. */
export function modeOf(name: string): number {
  return EXECUTABLE.has(name) ? 0o755 : 0o644;
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
 * Puts the program files of another release of ours into a folder: as hard links, so that a change of configuration
 * costs kilobytes; where links are not possible, as copies.
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

/** Writes the configuration files; `home` is the folder that the release will have. */
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
  for (const [name, text] of texts) {
    if (text !== null) await writeAtomically(join(folder, name), text, { mode: modeOf(name) });
  }
}
