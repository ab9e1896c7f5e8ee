/**
 * Reads what unit-check.ts judges: the files that configure istio.service now, and the env files of the active release.
 */
import { join } from 'node:path';
import { AgentError } from '../../base/errors.ts';
import type { Paths } from '../../base/paths.ts';
import { readForeignText } from '../../host/files/foreign-file.ts';
import type { UnitState } from '../../host/systemd/service-manager.ts';
import { RELEASE_FILES, type ReleaseId } from '../release.ts';
import { isDropInCurrent } from './drop-in.ts';
import type { Finding, UnitFacts } from './finding.ts';
import type { TextFile } from './unit-file.ts';
import { readFileOf, readUnitFiles } from './unit-files.ts';

/**
 * Rejects with SMM520 when a file cannot be read, except an EnvironmentFile, which may lie where others can write:
 * `unreadable` says why that one cannot be read.
 */
export async function readUnitFacts(
  paths: Paths,
  unit: UnitState,
  active: ReleaseId | null,
  barred: Finding | null = null,
): Promise<UnitFacts & { unreadable: string[] }> {
  const folder = active === null ? null : join(paths.releases, active);
  const inRelease = async (name: string) => (folder === null ? null : readFileOf(join(folder, name)));
  const unreadable: string[] = [];
  return {
    unreadable,
    unit,
    paths,
    active,
    unitFiles: await readUnitFiles(unit),
    environmentFiles: await readEnvironmentFiles(unit.environmentFiles, unreadable),
    sidecarEnv: await inRelease(RELEASE_FILES.sidecarEnv),
    clusterEnv: await inRelease(RELEASE_FILES.clusterEnv),
    mesh: (await inRelease(RELEASE_FILES.mesh))?.text ?? '',
    barred,
    isDropInCurrent: await isDropInCurrent(paths),
  };
}

async function readEnvironmentFiles(names: readonly string[], unreadable: string[]): Promise<TextFile[]> {
  const found: TextFile[] = [];
  for (const path of names.map((name) => name.replace(/^-/, ''))) {
    try {
      // systemd follows a link, too.
      const text = await readForeignText(path, { followLinks: true });
      if (text !== null) found.push({ path, text });
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      unreadable.push(`cannot check an EnvironmentFile of istio.service: ${error.message}`);
    }
  }
  return found;
}
