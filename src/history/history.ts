/**
 * The changes of versions on this machine, each with its time, both versions and the result: one JSON object per line.
 * The newest entries are kept on disk, so that an operator can read them months later with smm-agent history.
 */
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { FileWithSpare } from '../host/files/file-with-spare.ts';
import { makeFolder } from '../host/files/files.ts';
import { parseJson } from '../host/json.ts';

const HistoryEntry = z.object({
  /** Differs for each event: an event that is noted again after a kill is not added twice. */
  id: z.string(),
  at: z.iso.datetime(),
  what: z.enum(['agent', 'istio']),
  /** A version of the agent, or the id of a release of Istio; null if there was none, or if it is unknown. */
  from: z.string().nullable(),
  to: z.string(),
  /**
   * Of the agent: `installed` (by its package), `confirmed`, `put back` (rolled back by the scripts; `to` runs again),
   * `refused` (`to` was never current), `rolled back` (by an operator). Of Istio: `runs`, `put back` (rolled back by
   * the scripts).
   */
  result: z.enum(['installed', 'confirmed', 'put back', 'refused', 'rolled back', 'runs']),
  reason: z.string().nullable(),
  /** The last log lines of a version that failed. */
  evidence: z.string().nullable(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;

const MOST_ENTRIES = 200;

type HistoryPaths = Pick<Paths, 'history' | 'run'>;

/** The oldest entry first. A line that cannot be understood is left out, and the other lines are used. */
export async function readHistory(paths: HistoryPaths): Promise<HistoryEntry[]> {
  const lines = ((await fileOf(paths).read()) ?? '').split('\n').filter((line) => line !== '');
  return lines.flatMap((line) => HistoryEntry.safeParse(parseJson(line)).data ?? []);
}

/**
 * Adds the entries that are missing; returns after fsync. If the disk is full, the history is written to /run, and the
 * error (SMM522) is returned, otherwise null. A full disk must not end the turn, or keep a version on probation.
 */
export async function addToHistory(paths: HistoryPaths, entries: readonly HistoryEntry[]): Promise<AgentError | null> {
  const file = fileOf(paths);
  const known = await readHistory(paths);
  const ids = new Set(known.map(({ id }) => id));
  const added = entries.filter(({ id }) => !ids.has(id));
  if (added.length === 0 && !(await file.isElsewhere())) return null;
  await makeFolder(dirname(paths.history), 0o755);
  const kept = [...known, ...added].slice(-MOST_ENTRIES);
  return file.write(kept.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
}

function fileOf({ history, run }: HistoryPaths): FileWithSpare {
  return new FileWithSpare(history, join(run, basename(history)));
}

/** The version or release after the last event; null if there was no event. */
export function lastState(entries: readonly HistoryEntry[], what: HistoryEntry['what']): string | null {
  const last = entries.findLast((entry) => entry.what === what && entry.result !== 'refused');
  return last?.to ?? null;
}
