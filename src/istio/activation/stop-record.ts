/** How Istio ended last, as systemd/bin/istio-stopped wrote it down. A record of another boot does not count. */

import type { Paths } from '../../base/paths.ts';
import { parseFields } from '../../host/fields.ts';
import { readText } from '../../host/files/files.ts';
import type { UnitState } from '../../host/systemd/service-manager.ts';
import { RELEASE_ID, type ReleaseId } from '../release.ts';

const KINDS = ['stop', 'restart', 'own-end', 'shutdown', 'rescue', 'unknown'] as const;

export interface StopRecord {
  /** `own-end`: the process ended, and no job of systemd asked for it. `unknown`: systemd did not answer the hook. */
  kind: (typeof KINDS)[number];
  at: Date | null;
  release: ReleaseId | null;
  /** The unit was disabled or masked since its last start: it stays stopped. */
  becameDisabled: boolean;
  /** What stopped Istio, to follow "by": "systemctl stop". */
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
      return 'an unknown cause: systemd did not answer';
    case 'own-end': {
      const end = `the end of its own process (${[result, code, status].filter(Boolean).join(' ')})`;
      // Restart=always would have started it again, and systemd runs no ExecStopPost for a stop out of auto-restart.
      return activeState === 'inactive' ? `systemctl stop, while it waited to be started again after ${end}` : end;
    }
  }
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
