/**
 * Starts of the agent in a row, in this boot, that failed before a turn was completed; systemd/bin/agent-guard counts
 * them. systemd starts the agent again after two seconds, and each start reads everything from the control plane. If
 * 100,000 machines fail with the same bug, they would overload the API server that has to offer them a better version.
 * So each start waits longer than the one before.
 */

import { describeError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { AGENT_VERSION } from '../base/version.ts';
import { parseFields } from '../host/fields.ts';
import { readText, removeFile } from '../host/files/files.ts';
import type { Log } from '../host/log/log.ts';
import { doubled, spread } from '../host/pace.ts';
import { readProbation } from '../versions/probation.ts';

/** The first failures may be chance: no wait after them. */
const FORGIVEN = 2;
const WAITS = { firstMs: 10_000, longestMs: 600_000 };

/** 0 if the last start did not fail. Rejects with SMM520 when the file cannot be read. */
export async function failedStarts({ failedStarts: file }: Pick<Paths, 'failedStarts'>): Promise<number> {
  const text = await readText(file);
  // The guard of an earlier package writes an empty file.
  const count = Number(parseFields(text ?? '').get('count') ?? (text === null ? 0 : 1));
  return Number.isInteger(count) && count > 0 ? count : 0;
}

/**
 * The wait before the first turn, in milliseconds: twice as long after each failure. `random` is at least 0 and less
 * than 1.
 */
export function holdBackMs(failures: number, random: number): number {
  if (failures <= FORGIVEN) return 0;
  return Math.round(spread(doubled(WAITS, failures - FORGIVEN - 1), random));
}

export async function forgetFailedStarts({ failedStarts: file }: Pick<Paths, 'failedStarts'>): Promise<void> {
  await removeFile(file);
}

/** How long this start waits before its first turn. */
export interface HeldBack {
  /** Earlier starts in a row that failed before their first turn was over. */
  failures: number;
  ms: number;
}

/** A version on probation does not wait: its deadline comes soon, and it is rolled back at its first failure anyway. */
export async function readHeldBack(paths: Paths, log: Log): Promise<HeldBack> {
  try {
    const failures = await failedStarts(paths);
    const isOnTrial = failures > 0 && (await readProbation(paths))?.to === AGENT_VERSION;
    return { failures, ms: isOnTrial ? 0 : holdBackMs(failures, Math.random()) };
  } catch (error) {
    // Only the wait depends on the count: go on without a wait.
    log.warn(`cannot tell how often the agent has failed to start: ${describeError(error)}`);
    return { failures: 0, ms: 0 };
  }
}
