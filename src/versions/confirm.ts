/**
 * A version on probation confirms itself: from then on only an
 * operator, or a request of the control plane, replaces it.
 */
import { describeError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { checkpoint } from '../host/files/checkpoints.ts';
import { isFull } from '../host/files/file-errors.ts';
import { changeVersions } from './lock.ts';
import { endProbation, type Probation, readProbation } from './probation.ts';
import { migrateState } from './state/format.ts';
import { VersionStore } from './store.ts';

/** Together with the wait of 20 s for the control plane, this leaves some of the 50 s of a probation. */
const LOCK_SECONDS = 10;

/**
 * Ends the probation, and brings the state to this version's format. `note` writes the confirmation down first: after a
 * kill in between, the next turn confirms again. Resolves with what was migrated; null when this probation is not the
 * present one any more. Rejects with SMM535 and SMM536 (`isUnlockable`); the version then stays on probation.
 */
export async function confirmVersion(
  paths: Paths,
  probation: Probation,
  note: () => Promise<void>,
): Promise<string[] | null> {
  let notLinked: string[] = [];
  const isStillOn = await changeVersions(
    paths,
    async () => {
      if ((await readProbation(paths))?.id !== probation.id) return false;
      await note();
      checkpoint('agent-history-written');
      notLinked = await linkBack(new VersionStore(paths), probation.from);
      await endProbation(paths);
      checkpoint('agent-probation-ended');
      return true;
    },
    LOCK_SECONDS,
  );
  if (!isStillOn) return null;
  const migrated = await migrate(paths);
  checkpoint('agent-state-migrated');
  return [...notLinked, ...migrated];
}

/** A full disk is no reason to fail the turn: the migration is tried again at the next one (src/daemon/tidying.ts). */
async function migrate(paths: Paths): Promise<string[]> {
  try {
    return await migrateState(paths);
  } catch (error) {
    if (!isFull(error)) throw error;
    return [`the state keeps its format for now: ${describeError(error)}`];
  }
}

/**
 * Points `previous` to the version that this one replaced: a switch that was cut off may have left an older one there.
 * Returns a sentence when the disk is full. That is not the fault of the version on probation, so it is confirmed
 * nevertheless.
 */
async function linkBack(store: VersionStore, from: string): Promise<string[]> {
  if ((await store.read(from)) === null) return [];
  try {
    await store.setLink('previous', from);
    return [];
  } catch (error) {
    if (!isFull(error)) throw error;
    return [`smm-agent rollback does not lead to ${from}: ${describeError(error)}`];
  }
}
