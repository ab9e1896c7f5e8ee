/**
 * What was changed on this machine, when, from and to, with the result: one JSON object a line, the last ones kept. Findings on disk,
 * so that a machine can be asked months later; smm-agent history shows them.
 */
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { FileWithSpare } from '../host/files/file-with-spare.ts';
import { makeFolder } from '../host/files/files.ts';
import { parseJson } from '../host/json.ts';

const HistoryEntry = z.object({
  /** Tells an event from every other one: what is noted twice, after a kill, is there once. */
  id: z.string(),
  at: z.iso.datetime(),
  what: z.enum(['agent', 'istio']),
  /** Versions of the agent, ids of releases of Istio; null where there was none, or it is not known. */
  from: z.string().nullable(),
  to: z.string(),
  /**
   * Of the agent: `installed` (by its package), `confirmed`, `put back` (by the guard, `to` is what came back), `refused` (`to` was never
   * current), `rolled back` (by an operator). Of Istio: `runs`, `put back`.
   */
  result: z.enum(['installed', 'confirmed', 'put back', 'refused', 'rolled back', 'runs']),
  reason: z.string().nullable(),
  /** The last lines of what failed. */
  evidence: z.string().nullable(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;

const MOST_ENTRIES = 200;

type HistoryPaths = Pick<Paths, 'history' | 'run'>;

/** The oldest first. A line that cannot be understood is left out: the others are worth as much as before. */
export async function readHistory(paths: HistoryPaths): Promise<HistoryEntry[]> {
  const lines = ((await fileOf(paths).read()) ?? '').split('\n').filter((line) => line !== '');
  return lines.flatMap((line) => HistoryEntry.safeParse(parseJson(line)).data ?? []);
}

/**
 * Adds what is not there yet; on disk when it returns. Returns that the disk is full (SMM522) where it had to be written elsewhere, null
 * where it was not: it is no reason to give up a turn, or to leave a version on probation.
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

/** What the agent, or Istio, is after the last event; null when there was none. */
export function lastState(entries: readonly HistoryEntry[], what: HistoryEntry['what']): string | null {
  const last = entries.findLast((entry) => entry.what === what && entry.result !== 'refused');
  return last?.to ?? null;
}
