/**
 * Starts of the agent, one after the other in this boot, that failed before they had completed a turn; systemd/bin/agent-guard counts them.
 * systemd starts it again after two seconds each time, and each start asks the control plane for everything: 100,000 machines that die of
 * the same fault would keep down the very API server that has to tell them of a better version. So they ask ever more rarely.
 */

import { describeError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { AGENT_VERSION } from '../base/version.ts';
import { parseFields } from '../host/fields.ts';
import { readText, removeFile } from '../host/files/files.ts';
import type { Log } from '../host/log/log.ts';
import { doubled, spread } from '../host/pace.ts';
import { readProbation } from '../versions/probation.ts';

/** That many are chance. */
const FORGIVEN = 2;
const WAITS = { firstMs: 10_000, longestMs: 600_000 };

/** 0 where the last one did not fail. Rejects with SMM520 when that cannot be read. */
export async function failedStarts({ failedStarts: file }: Pick<Paths, 'failedStarts'>): Promise<number> {
  const text = await readText(file);
  // Written by the guard of an earlier package it is empty.
  const count = Number(parseFields(text ?? '').get('count') ?? (text === null ? 0 : 1));
  return Number.isInteger(count) && count > 0 ? count : 0;
}

/** How long to wait before the first turn: twice as long after each failure. Milliseconds; `random`: from 0 (included) to 1 (excluded). */
export function holdBackMs(failures: number, random: number): number {
  if (failures <= FORGIVEN) return 0;
  return Math.round(spread(doubled(WAITS, failures - FORGIVEN - 1), random));
}

export async function forgetFailedStarts({ failedStarts: file }: Pick<Paths, 'failedStarts'>): Promise<void> {
  await removeFile(file);
}

/** For how long this start waits before its first turn. */
export interface HeldBack {
  /** Starts before this one that failed before their first turn was over. */
  failures: number;
  ms: number;
}

/** A version on probation has no time to wait, and is rolled back at its first failure. */
export async function readHeldBack(paths: Paths, log: Log): Promise<HeldBack> {
  try {
    const failures = await failedStarts(paths);
    const isOnTrial = failures > 0 && (await readProbation(paths))?.to === AGENT_VERSION;
    return { failures, ms: isOnTrial ? 0 : holdBackMs(failures, Math.random()) };
  } catch (error) {
    // Nothing else depends on it.
    log.warn(`cannot tell how often the agent has failed to start: ${describeError(error)}`);
    return { failures: 0, ms: 0 };
  }
}
