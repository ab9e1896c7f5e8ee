/**
 * The drop-in that makes istio.service start from the active release. It is installed once, and again only when a
 * package upgrade has brought another template, under the same condition.
 */
import { mkdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { AgentError } from '../../base/errors.ts';
import type { Paths } from '../../base/paths.ts';
import { fileError } from '../../host/files/file-errors.ts';
import { readText, syncFolder, writeAtomically } from '../../host/files/files.ts';
import type { ServiceManager, UnitState } from '../../host/systemd/service-manager.ts';
import { copyUnitFile } from './kept-unit.ts';
import { recordOldConfiguration } from './old-configuration.ts';
import { recordStart } from './start-record.ts';
import { effective, type TextFile } from './unit-file.ts';
import { readUnitFiles } from './unit-files.ts';

export const ISTIO_UNIT = 'istio.service';
/** Written under the template when an operator had commands of their own to run after Istio. */
const KEPT_HEADING = "\n# The machine's own commands, which the empty ExecStopPost= above would have taken away.\n";
/** The cleaning command of Istio's package, in any folder: the release's own takes its place. */
const PACKAGE_CLEANING = /^[-+!:@]*\S*istio-start\.sh\s+clean$/;

/** The template for this machine's root. Rejects with SMM541 when the package's template is missing. */
async function renderDropIn(paths: Paths): Promise<string> {
  const template = await readText(paths.dropInTemplate);
  if (template !== null) return template.replaceAll('/opt/smm-agent', paths.opt);
  throw new AgentError(
    'SMM541',
    `cannot install the drop-in of istio.service: ${paths.dropInTemplate} is missing`,
    'reinstall the package smm-agent',
  );
}

/** The lines of an operator's own ExecStopPost, verbatim: the reset of the package's commands removes them too. */
function keptCommands(files: readonly TextFile[], dropIn: string): string[] {
  // systemd reads drop-ins in the order of their names, in any
  // folder; those after ours keep their commands by themselves.
  const before = files.filter(({ path }, index) => index === 0 || basename(path) < basename(dropIn));
  return effective(before, 'ExecStopPost')
    .map(({ value }) => value)
    .filter((command) => !PACKAGE_CLEANING.test(command));
}

/**
 * Whether the drop-in on disk is the template, with or without
 * kept commands. Without a template there is nothing newer.
 */
export async function isDropInCurrent(paths: Paths): Promise<boolean> {
  const installed = await readText(paths.istio.dropIn);
  if (installed === null) return false;
  if ((await readText(paths.dropInTemplate)) === null) return true;
  const rendered = await renderDropIn(paths);
  return installed === rendered || installed.startsWith(`${rendered}${KEPT_HEADING}`);
}

/**
 * Writes the drop-in and has systemd read it. The caller must have seen that there is a complete release for the next
 * start. Rejects with SMM540 while the unit is starting or stopping: a daemon-reload during a stop would run the new
 * ExecStopPost for the old process, and its rules would stay behind. Safe to repeat.
 */
export async function installDropIn(paths: Paths, manager: ServiceManager, bootId: string): Promise<void> {
  const rendered = await renderDropIn(paths);
  const unit = await steady(manager);
  const kept = keptCommands(await readUnitFiles(unit), paths.istio.dropIn);
  const text =
    kept.length === 0 ? rendered : `${rendered}${KEPT_HEADING}${kept.map((one) => `ExecStopPost=${one}\n`).join('')}`;
  // Before the drop-in: once it exists, all of this counts as done.
  await recordOldConfiguration(paths);
  await copyUnitFile(paths, unit);
  await recordStart(paths, unit, bootId);
  const folder = dirname(paths.istio.dropIn);
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await syncFolder(dirname(folder));
  } catch (cause) {
    throw fileError('write', folder, cause);
  }
  await writeAtomically(paths.istio.dropIn, text, { mode: 0o644 });
  await steady(manager);
  await manager.daemonReload();
}

async function steady(manager: ServiceManager): Promise<UnitState> {
  const unit = await manager.unit(ISTIO_UNIT);
  const job = await manager.job(ISTIO_UNIT);
  const isMoving = unit.activeState === 'activating' || unit.activeState === 'deactivating';
  // Between an end and the next start there is no process whose rules could stay behind.
  if (job === null && (!isMoving || unit.subState === 'auto-restart')) return unit;
  throw new AgentError(
    'SMM540',
    `cannot install the drop-in while istio.service is ${unit.activeState}${job === null ? '' : ` (job ${job})`}`,
    'nothing: the agent tries again at the next turn',
  );
}
