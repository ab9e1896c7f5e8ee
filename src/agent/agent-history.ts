/** Keeps the history in step with what is seen. Reads it only when something could be missing. */
import type { Paths } from '../paths.ts';
import { readEvidence } from '../upgrade/evidence.ts';
import type { Probation } from '../upgrade/probation.ts';
import { addToHistory, type HistoryEntry, readHistory } from './history.ts';
import { missingEntries } from './history-notes.ts';
import type { Observation } from './observation.ts';

export class AgentHistory {
  readonly #paths: Paths;
  #seen: string | null = null;

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  async note(observation: Observation): Promise<void> {
    const { agent, running, active, rejected } = observation;
    const facts = JSON.stringify([
      agent.running,
      agent.probation?.id,
      [...agent.rejected.values()].map(({ id }) => id),
      running.answer === 'release' ? running.id : null,
      active?.manifest.id,
      [...rejected].map(([id, { at }]) => [id, at]),
    ]);
    if (facts === this.#seen) return;
    const evidence = new Map<string, string | null>();
    for (const version of agent.rejected.keys()) evidence.set(version, await readEvidence(this.#paths, version));
    const known = await readHistory(this.#paths);
    const missing = missingEntries(known, observation, (version) => evidence.get(version) ?? null);
    await addToHistory(this.#paths, missing);
    this.#seen = facts;
  }

  /** `reason`: why, where an operator had it done. */
  async noteConfirmed({ id, from, to }: Probation, at: Date, isRollback: boolean): Promise<void> {
    const entry: HistoryEntry = {
      id: `agent confirmed ${id}`,
      at: at.toISOString(),
      what: 'agent',
      from,
      to,
      result: isRollback ? 'rolled back' : 'confirmed',
      reason: null,
      evidence: null,
    };
    await addToHistory(this.#paths, [entry]);
  }
}
