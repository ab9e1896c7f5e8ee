/** What an observation shows to have happened, and the history does not know yet. Pure, but for the evidence that is handed in. */

import type { Observation } from '../observation/observation.ts';
import { type HistoryEntry, lastState } from './history.ts';

/** `evidence` of a version, null where nothing was kept. */
export function missingEntries(
  known: readonly HistoryEntry[],
  observation: Observation,
  evidence: (version: string) => string | null,
): HistoryEntry[] {
  const ids = new Set(known.map(({ id }) => id));
  const rejected = [...rejectedVersions(observation, evidence), ...rejectedReleases(observation)]
    .filter(({ id }) => !ids.has(id))
    .toSorted((a, b) => (a.at < b.at ? -1 : 1));
  const all = [...known, ...rejected];
  return [...rejected, ...installed(all, observation), ...running(all, observation)];
}

function rejectedVersions(
  { agent: { rejected, running } }: Observation,
  evidence: (version: string) => string | null,
): HistoryEntry[] {
  return [...rejected].map(([version, { how, id, at, instead, reason }]) => ({
    id: `agent ${how} ${id}`,
    at: at.toISOString(),
    what: 'agent',
    from: how === 'put back' ? version : instead,
    to: how === 'put back' ? (instead ?? running) : version,
    result: how,
    reason,
    evidence: evidence(version),
  }));
}

function rejectedReleases({ rejected, active }: Observation): HistoryEntry[] {
  // One that is still active is put back at the next start.
  const putBack = [...rejected].filter(([id]) => id !== active?.manifest.id);
  return putBack.map(([id, { at, reason }]) => ({
    id: `istio put back ${id} ${at.getTime()}`,
    at: at.toISOString(),
    what: 'istio',
    from: id,
    to: active?.manifest.id ?? 'nothing',
    result: 'put back',
    reason,
    evidence: null,
  }));
}

/**
 * A version that nothing else explains came with its package. One on probation is explained once it is confirmed, and one that has just
 * put another in its place was there until then.
 */
function installed(known: readonly HistoryEntry[], observation: Observation): HistoryEntry[] {
  const { running, probation, installed: current, installedAt } = observation.agent;
  const before = lastState(known, 'agent');
  const isLeaving = probation?.from === running;
  if (before === running || (probation !== null && !isLeaving)) return [];
  // A command of a version that was rolled back while the command ran: that version is in place no more.
  if (current !== null && current !== running && !isLeaving) return [];
  // Long before its first turn, where the configuration came later.
  const at = (current === running ? (installedAt ?? observation.at) : observation.at).toISOString();
  const id = `agent installed ${running} ${at}`;
  return [{ id, at, what: 'agent', from: before, to: running, result: 'installed', reason: null, evidence: null }];
}

function running(known: readonly HistoryEntry[], { running: seen, at: now }: Observation): HistoryEntry[] {
  if (seen.answer !== 'release') return [];
  const before = known.findLast(({ what, result }) => what === 'istio' && result === 'runs')?.to ?? null;
  if (before === seen.id) return [];
  const at = now.toISOString();
  const id = `istio runs ${seen.id} ${at}`;
  return [{ id, at, what: 'istio', from: before, to: seen.id, result: 'runs', reason: null, evidence: null }];
}
