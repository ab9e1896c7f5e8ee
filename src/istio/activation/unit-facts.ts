/** Reads what unit-check.ts judges: the files that configure istio.service now, and the env files of the active release. */
import { join } from 'node:path';
import { readText } from '../../host/files.ts';
import type { UnitState } from '../../host/service-manager.ts';
import type { Paths } from '../../paths.ts';
import { RELEASE_FILES, type ReleaseId } from '../release.ts';
import { isDropInCurrent } from './drop-in.ts';
import type { UnitFacts } from './unit-check.ts';
import type { TextFile } from './unit-file.ts';

/** Rejects with SMM520 when one cannot be read. */
export async function readUnitFacts(paths: Paths, unit: UnitState, active: ReleaseId | null): Promise<UnitFacts> {
  const folder = active === null ? null : join(paths.releases, active);
  const inRelease = async (name: string) => (folder === null ? null : readFileOf(join(folder, name)));
  return {
    unit,
    paths,
    active,
    unitFiles: await readUnitFiles(unit),
    environmentFiles: await readAll(unit.environmentFiles.map((path) => path.replace(/^-/, ''))),
    sidecarEnv: await inRelease(RELEASE_FILES.sidecarEnv),
    clusterEnv: await inRelease(RELEASE_FILES.clusterEnv),
    mesh: (await inRelease(RELEASE_FILES.mesh))?.text ?? '',
    isDropInCurrent: await isDropInCurrent(paths),
  };
}

/** In the order in which systemd reads them. A file that was deleted since is left out: systemd will notice too. */
export function readUnitFiles(unit: Pick<UnitState, 'fragmentPath' | 'dropInPaths'>): Promise<TextFile[]> {
  return readAll([unit.fragmentPath, ...unit.dropInPaths].filter((path) => path !== '' && path !== '/dev/null'));
}

async function readAll(files: readonly string[]): Promise<TextFile[]> {
  const found = await Promise.all(files.map(readFileOf));
  return found.filter((file) => file !== null);
}

async function readFileOf(path: string): Promise<TextFile | null> {
  const text = await readText(path);
  return text === null ? null : { path, text };
}
