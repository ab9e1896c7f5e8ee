/**
 * An operator's limit on starts that leaves no room for a rollback: a bad release has
 * three tries, and the start after them switches back. With such a limit systemd
 * refuses that start, and the unit stays failed unless a running agent starts it. Pure.
 */
import type { UnitState } from '../../host/systemd/service-manager.ts';
import { place } from './finding.ts';
import { settingsIn, type TextFile } from './unit-file.ts';

/** The starts of a bad release before it is rolled back (ENDS_TO_REJECT in systemd/bin/istio-put-back). */
const TRIES = 3;
const KEYS = /^StartLimit(Burst|IntervalSec|Interval)$/;

/** A sentence for the operator, with file and line; null if there is room for a rollback. */
export function startLimitNote({ startLimit }: UnitState, unitFiles: readonly TextFile[]): string | null {
  if (startLimit === null) return null;
  const { burst, intervalMs, restartMs } = startLimit;
  // Starts of a unit that ends at once are RestartSec apart: if
  // they do not fit into the interval, the limit is never reached.
  if (burst === 0 || burst > TRIES || intervalMs <= burst * restartMs) return null;
  const at = unitFiles
    .flatMap((file) => [...settingsIn(file, 'Unit'), ...settingsIn(file, 'Service')])
    .findLast(({ key }) => KEYS.test(key));
  const where = at === undefined ? 'istio.service' : place(at.file, at.line);
  const what = `allows ${burst} starts of Istio in ${intervalMs === Infinity ? 'all' : `${intervalMs / 1000} s`}`;
  return `${where} ${what}, and the rollback of a bad release needs ${TRIES + 1}: with the agent stopped, Istio would stay failed`;
}
