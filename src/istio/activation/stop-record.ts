/** How Istio ended last, as systemd/bin/istio-stopped wrote it down. In /run: what was in another boot does not count. */

import type { Paths } from '../../base/paths.ts';
import { parseFields } from '../../host/fields.ts';
import { readText } from '../../host/files/files.ts';
import type { UnitState } from '../../host/systemd/service-manager.ts';
import { RELEASE_ID, type ReleaseId } from '../release.ts';

const KINDS = ['stop', 'restart', 'own-end', 'shutdown', 'rescue', 'unknown'] as const;

export interface StopRecord {
  /** `own-end`: nobody's wish. `unknown`: systemd did not answer the hook. */
  kind: (typeof KINDS)[number];
  at: Date | null;
  release: ReleaseId | null;
  /** The job that systemd had for the unit: `none`, `stop`, `restart`, `start`, ... */
  job: string;
  /** `$SERVICE_RESULT`, for example `success` (also for a crashed Envoy), `signal`, `timeout`. */
  result: string;
  /** Whether the hook saw to a start itself, and if not, why. */
  start: { answer: 'scheduled' } | { answer: 'undecided' } | { answer: 'no'; reason: string | null };
  /** The unit was disabled or masked since its last start: it stays stopped. */
  becameDisabled: boolean;
  /** By what Istio was stopped, to follow "by": "systemctl stop". */
  words: string;
}

/** The record of this boot, null when Istio has not ended in it. Rejects with SMM520 when it cannot be read. */
export async function readStopRecord(
  paths: Pick<Paths, 'startRecord' | 'stopRecord'>,
  bootId: string,
  unit: Pick<UnitState, 'activeState' | 'unitFileState'>,
): Promise<StopRecord | null> {
  const [stopped, started] = [await readText(paths.stopRecord), await readText(paths.startRecord)];
  return stopped === null ? null : parseStopRecord(stopped, started, bootId, unit);
}

/** Pure; `started` is the record of the last start. */
export function parseStopRecord(
  stopped: string,
  started: string | null,
  bootId: string,
  unit: Pick<UnitState, 'activeState' | 'unitFileState'>,
): StopRecord | null {
  const record = parseFields(stopped);
  const value = (key: string) => record.get(key) ?? '';
  if (value('boot') !== bootId) return null;
  const kind = KINDS.find((known) => known === value('kind')) ?? 'unknown';
  const stateAtStart = parseFields(started ?? '').get('unit_file_state') || value('unit_file_state');
  return {
    kind,
    at: dateOf(value('at')),
    release: RELEASE_ID.test(value('release')) ? value('release') : null,
    job: value('job'),
    result: value('result'),
    start: startOf(value('start')),
    becameDisabled: stateAtStart !== '' && degreeOff(unit.unitFileState) > degreeOff(stateAtStart),
    words: wordsFor(kind, value('result'), value('exit_code'), value('exit_status'), unit.activeState),
  };
}

function wordsFor(
  kind: StopRecord['kind'],
  result: string,
  code: string,
  status: string,
  activeState: UnitState['activeState'],
): string {
  switch (kind) {
    case 'stop':
      return 'systemctl stop';
    case 'restart':
      return 'systemctl restart';
    case 'shutdown':
      return 'a shutdown of the machine';
    case 'rescue':
      return 'the rescue mode of the machine';
    case 'unknown':
      return 'something that systemd did not tell';
    case 'own-end': {
      const end = `an end of its own (${[result, code, status].filter(Boolean).join(' ')})`;
      // Restart=always would have started it again, and systemd runs no ExecStopPost for a stop out of auto-restart.
      return activeState === 'inactive' ? `systemctl stop, while it waited to be started again after ${end}` : end;
    }
  }
}

function startOf(value: string): StopRecord['start'] {
  if (value === 'scheduled' || value === 'undecided') return { answer: value };
  const reason = value.replace(/^no:? ?/, '');
  return { answer: 'no', reason: reason === '' ? null : reason };
}

/** As degree_off in systemd/bin/istio-stop-lib.sh: change both. */
function degreeOff(unitFileState: string): number {
  if (/^(masked|masked-runtime|not-found|bad)$/.test(unitFileState)) return 2;
  return unitFileState === 'disabled' ? 1 : 0;
}

function dateOf(text: string): Date | null {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? null : date;
}
