/**
 * The unit file of an adopted Istio whose official package was removed: without it a running Istio could not be started
 * again after the next daemon-reload or reboot. A copy takes its place, and goes when the package is back.
 */
import { join } from 'node:path';
import type { Paths } from '../../base/paths.ts';
import { makeFolder, readText, removeFile, writeAtomically } from '../../host/files/files.ts';
import type { ServiceManager, UnitState } from '../../host/systemd/service-manager.ts';

const HEADING = `# Kept by smm-agent: the package that brought this unit was removed while its Istio ran here. It goes when the package is back.
# To take Istio off this machine, stop it and remove this file.
`;

/** `gone`: a running Istio lost its unit file. `back`: the package's is there again, and the copy stands in its way. */
export type UnitFile = 'there' | 'gone' | 'back';

/** Keeps a copy of the unit file; called when the drop-in is installed. Rejects with SMM520 or SMM521. */
export async function copyUnitFile(paths: Paths, { fragmentPath }: Pick<UnitState, 'fragmentPath'>): Promise<void> {
  const text = fragmentPath === '' ? null : await readText(fragmentPath);
  if (text === null || text.startsWith(HEADING)) return;
  await makeFolder(join(paths.state, 'istio'), 0o755);
  await writeAtomically(copyOf(paths), text, { mode: 0o644 });
}

/** Rejects with SMM520. */
export async function lookAtUnitFile(paths: Paths, unit: UnitState): Promise<UnitFile> {
  const kept = await readText(paths.istio.keptUnitFile);
  if (kept?.startsWith(HEADING)) return (await readText(paths.istio.unitFile)) === null ? 'there' : 'back';
  const runs = unit.activeState !== 'inactive' && unit.activeState !== 'failed';
  // A stopped Istio without its package was removed on purpose.
  const isGone = runs && (unit.fragmentPath === '' || (await readText(unit.fragmentPath)) === null);
  return isGone && (await readText(copyOf(paths))) !== null ? 'gone' : 'there';
}

/** Safe to repeat. */
export async function keepUnitFile(paths: Paths, manager: ServiceManager): Promise<void> {
  const text = await readText(copyOf(paths));
  if (text === null) return;
  await writeAtomically(paths.istio.keptUnitFile, `${HEADING}${text}`, { mode: 0o644 });
  await manager.daemonReload();
}

/** Safe to repeat. */
export async function giveUnitFileBack(paths: Paths, manager: ServiceManager): Promise<void> {
  await removeFile(paths.istio.keptUnitFile);
  await manager.daemonReload();
}

function copyOf({ state }: Paths): string {
  return join(state, 'istio', 'istio.service');
}
