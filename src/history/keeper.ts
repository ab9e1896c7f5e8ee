/** Adds new facts to the history. Reads the file only if a fact may be missing. */
import type { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import type { Observation } from '../observation/observation.ts';
import { readEvidence } from '../versions/evidence.ts';
import type { Probation } from '../versions/probation.ts';
import { addToHistory, type HistoryEntry, readHistory } from './history.ts';
import { missingEntries } from './notes.ts';

export class AgentHistory {
  readonly #paths: Paths;
  #seen: string | null = null;
  /** The error SMM522 while the history has to be in /run. */
  #full: AgentError | null = null;

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** Returns the error SMM522 (the disk is full) as long as the history is in /run, otherwise null. */
  async note(observation: Observation): Promise<AgentError | null> {
    const { agent, running, active, rejected } = observation;
    const facts = JSON.stringify([
      agent.running,
      agent.probation?.id,
      [...agent.rejected.values()].map(({ id }) => id),
      running.answer === 'release' ? running.id : null,
      active?.manifest.id,
      [...rejected].map(([id, { at }]) => [id, at]),
    ]);
    if (facts === this.#seen && this.#full === null) return null;
    const evidence = new Map<string, string | null>();
    for (const version of agent.rejected.keys()) evidence.set(version, await readEvidence(this.#paths, version));
    const known = await readHistory(this.#paths);
    const missing = missingEntries(known, observation, (version) => evidence.get(version) ?? null);
    this.#full = await addToHistory(this.#paths, missing);
    this.#seen = facts;
    return this.#full;
  }

  /** `isRollback`: an operator has installed this version with `smm-agent rollback`. */
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
    this.#full = await addToHistory(this.#paths, [entry]);
  }
}
