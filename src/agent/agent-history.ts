/**
 * Keeps the history in step with what is seen. Reads it only when something could be missing. What the disk has no room for waits here:
 * it is no reason to give up a turn, or to leave a version on probation.
 */
import type { AgentError } from '../errors.ts';
import { isFull } from '../host/file-errors.ts';
import type { Paths } from '../paths.ts';
import { readEvidence } from '../upgrade/evidence.ts';
import type { Probation } from '../upgrade/probation.ts';
import { addToHistory, type HistoryEntry, readHistory } from './history.ts';
import { missingEntries } from './history-notes.ts';
import type { Observation } from './observation.ts';

export class AgentHistory {
  readonly #paths: Paths;
  #seen: string | null = null;
  #waiting: readonly HistoryEntry[] = [];
  /** Why the last ones could not be written; null when they were. */
  full: AgentError | null = null;

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
    if (facts === this.#seen && this.#waiting.length === 0) return;
    const evidence = new Map<string, string | null>();
    for (const version of agent.rejected.keys()) evidence.set(version, await readEvidence(this.#paths, version));
    const known = [...(await readHistory(this.#paths)), ...this.#waiting];
    await this.#add(missingEntries(known, observation, (version) => evidence.get(version) ?? null));
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
    await this.#add([entry]);
  }

  async #add(entries: readonly HistoryEntry[]): Promise<void> {
    this.#waiting = [...this.#waiting, ...entries];
    this.full = null;
    try {
      await addToHistory(this.#paths, this.#waiting);
      this.#waiting = [];
    } catch (error) {
      if (!isFull(error)) throw error;
      this.full = error;
    }
  }
}
