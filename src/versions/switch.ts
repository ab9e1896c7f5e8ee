/**
 * The switch to another version: probation, links, restart. From the first write on, systemd/bin/agent-guard can finish or undo it,
 * whatever becomes of this process.
 */
import { readBootId } from '../host/boot-id.ts';
import type { Clock } from '../host/clock.ts';
import { checkpoint } from '../host/files/checkpoints.ts';
import { endProbation, newProbation, writeProbation } from './probation.ts';
import type { VersionStore } from './store.ts';

/**
 * Points `current` to `to`, on probation; the restart is the caller's. `to` was placed and has checked itself. The caller holds the lock.
 */
export async function switchTo(store: VersionStore, from: string, to: string, clock: Clock): Promise<void> {
  const previous = await store.link('previous');
  const probation = newProbation({ from, to, previous }, clock.now());
  await writeProbation(store.paths, probation, await readBootId(store.paths));
  checkpoint('agent-probation-written');
  try {
    await store.setLink('current', to);
  } catch (error) {
    // No room for the link, for example. A probation of what never became current would keep every later try from switching.
    if ((await store.link('current')) !== to) await endProbation(store.paths);
    throw error;
  }
  checkpoint('agent-current-linked');
  // After `current`: cut off in between, the version before is still the one to go back to.
  await store.setLink('previous', from);
  checkpoint('agent-previous-linked');
}
