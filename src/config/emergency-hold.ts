/**
 * `smm-agent hold` when agent.yaml has errors and cannot be edited: in an emergency there is no time to search for a
 * typo. The machine is held until `smm-agent unhold`, in addition to `hold` of the file.
 */

import type { Paths } from '../base/paths.ts';
import { makeFolder, readText, removeFile, writeAtomically } from '../host/files/files.ts';
import type { Config } from './schema.ts';

type HoldPaths = Pick<Paths, 'state' | 'emergencyHold'>;

/** Safe to repeat. */
export async function setEmergencyHold({ state, emergencyHold }: HoldPaths, isHeld: boolean): Promise<void> {
  if (!isHeld) return removeFile(emergencyHold);
  await makeFolder(state, 0o755);
  await writeAtomically(emergencyHold, '', { mode: 0o644 });
}

export async function isEmergencyHeld({ emergencyHold }: Pick<Paths, 'emergencyHold'>): Promise<boolean> {
  return (await readText(emergencyHold)) !== null;
}

/** `config`, held if there is an emergency hold. */
export async function withEmergencyHold(paths: Pick<Paths, 'emergencyHold'>, config: Config): Promise<Config> {
  return config.hold || !(await isEmergencyHeld(paths)) ? config : { ...config, hold: true };
}
