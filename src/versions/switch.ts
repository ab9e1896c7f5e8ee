/**
 * The switch to another version: probation, links, restart. From the first write
 * on, systemd/bin/agent-guard can finish or undo it, also if this process ends.
 */
import { readBootId } from '../host/boot-id.ts';
import type { Clock } from '../host/clock.ts';
import { checkpoint } from '../host/files/checkpoints.ts';
import { endProbation, newProbation, writeProbation } from './probation.ts';
import type { VersionStore } from './store.ts';

/**
 * Points `current` to `to`, on probation; the caller restarts the agent. `to`
 * is in its place and has passed its self-check. The caller holds the lock.
 */
export async function switchTo(store: VersionStore, from: string, to: string, clock: Clock): Promise<void> {
  const previous = await store.link('previous');
  const probation = newProbation({ from, to, previous }, clock.now());
  await writeProbation(store.paths, probation, await readBootId(store.paths));
  checkpoint('agent-probation-written');
  try {
    await store.setLink('current', to);
  } catch (error) {
    // For example no room for the link. The probation of a version
    // that never became current would block every later switch.
    if ((await store.link('current')) !== to) await endProbation(store.paths);
    throw error;
  }
  checkpoint('agent-current-linked');
  // After `current`: a kill in between leaves the old `previous`, and the probation still names the way back to `from`.
  await store.setLink('previous', from);
  checkpoint('agent-previous-linked');
}
