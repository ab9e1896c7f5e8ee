/** The mark by which the scripts in systemd/ know that this machine is held, also while the agent is dead. */
import { join } from 'node:path';
import type { Paths } from '../../base/paths.ts';
import { makeFolder, readText, removeFile, writeAtomically } from '../../host/files/files.ts';

function markerOf({ state }: Pick<Paths, 'state'>): string {
  return join(state, 'istio', 'hold');
}

export async function isHoldMarked(paths: Pick<Paths, 'state'>): Promise<boolean> {
  return (await readText(markerOf(paths))) !== null;
}

/** Safe to repeat. */
export async function markHold(paths: Pick<Paths, 'state'>, isHeld: boolean): Promise<void> {
  await makeFolder(join(paths.state, 'istio'), 0o755);
  const isThere = await isHoldMarked(paths);
  if (isHeld && !isThere) await writeAtomically(markerOf(paths), '', { mode: 0o644 });
  if (!isHeld && isThere) await removeFile(markerOf(paths));
}
