/** Finds the events that an observation shows and the history does not have yet. Pure. */

import type { Observation } from '../observation/observation.ts';
import { type HistoryEntry, lastState } from './history.ts';

/** `evidence` returns the kept log lines of a version, or null. */
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
  // A rejected release that is still active is rolled back at the next start, and noted then.
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
 * A running version without another event was installed by its package. A version on probation gets its event when it
 * is confirmed; a version that has just put another one in its place was installed until then.
 */
function installed(known: readonly HistoryEntry[], observation: Observation): HistoryEntry[] {
  const { running, probation, installed: current, installedAt } = observation.agent;
  const before = lastState(known, 'agent');
  const isLeaving = probation?.from === running;
  if (before === running || (probation !== null && !isLeaving)) return [];
  // The process of a command whose version was rolled back meanwhile: that version is no longer installed.
  if (current !== null && current !== running && !isLeaving) return [];
  // The version may have been installed long before its first turn, if the configuration came later.
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
