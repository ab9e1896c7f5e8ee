/**
 * The record of Istio's last start, for the one start that istio-activate could
 * not record: that of an adopted Istio, which began before the drop-in was there.
 * Without this record the agent could not tell that the unit *became* disabled.
 */

import type { Paths } from '../../base/paths.ts';
import { makeFolder, readText, writeAtomically } from '../../host/files/files.ts';
import type { UnitState } from '../../host/systemd/service-manager.ts';

/** Keeps an existing record. No uptime and no invocation, so that an end of this start counts against no release. */
export async function recordStart(paths: Paths, unit: UnitState, bootId: string): Promise<void> {
  if (unit.activeState !== 'active' || (await readText(paths.startRecord)) !== null) return;
  const lines = [
    `at=${(unit.activeEnter ?? new Date()).toISOString()}`,
    `boot=${bootId}`,
    'invocation=',
    `unit_file_state=${unit.unitFileState}`,
    'address=unknown',
  ];
  await makeFolder(paths.run, 0o755);
  await writeAtomically(paths.startRecord, `${lines.join('\n')}\n`, { mode: 0o644 });
}
