/**
 * An operator's limit on starts that leaves no room for a rollback: a bad release has three tries, and the start after them switches back.
 * systemd refuses that start then, and only the agent, if it lives, starts the failed unit. Pure.
 */
import type { UnitState } from '../../host/systemd/service-manager.ts';
import { place } from './finding.ts';
import { settingsIn, type TextFile } from './unit-file.ts';

/** The starts of a bad release before it is rolled back (ENDS_TO_REJECT in systemd/bin/istio-put-back). */
const TRIES = 3;
const KEYS = /^StartLimit(Burst|IntervalSec|Interval)$/;

/** What an operator reads of it, with file and line; null where there is room. */
export function startLimitNote({ startLimit }: UnitState, unitFiles: readonly TextFile[]): string | null {
  if (startLimit === null) return null;
  const { burst, intervalMs, restartMs } = startLimit;
  // Starts of a unit that ends at once are RestartSec apart: the limit is never met where they do not fit into its interval.
  if (burst === 0 || burst > TRIES || intervalMs <= burst * restartMs) return null;
  const at = unitFiles
    .flatMap((file) => [...settingsIn(file, 'Unit'), ...settingsIn(file, 'Service')])
    .findLast(({ key }) => KEYS.test(key));
  const where = at === undefined ? 'istio.service' : place(at.file, at.line);
  const what = `allows ${burst} starts of Istio in ${intervalMs === Infinity ? 'all' : `${intervalMs / 1000} s`}`;
  return `${where} ${what}, and the rollback of a bad release needs ${TRIES + 1}: with the agent stopped, Istio would stay failed`;
}
