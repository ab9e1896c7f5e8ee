/** Files that istio.service needs beside its release: the drop-in, and a unit file if its package is removed. Pure. */

import { isLost } from '../observation/first-release.ts';
import type { DecisionInput, NotDone, Verdict } from './step.ts';

/** systemd must be able to start Istio again, also after dpkg has removed the official package with its unit file. */
export function considerUnitFile({ observation: { active, unit, unitFile } }: DecisionInput): Verdict {
  if (active === null || unitFile === 'there') return null;
  // No daemon-reload during a start or a stop, for the same reason as below.
  if (unit.activeState === 'activating' || unit.activeState === 'deactivating') {
    return { step: 'keep-unit-file', reason: `istio.service is ${unit.activeState}`, because: 'waiting' };
  }
  return unitFile === 'gone'
    ? { do: 'keep-unit-file', why: 'the package of istio.service was removed while Istio runs' }
    : { do: 'give-unit-file-back', why: 'the package of istio.service is back' };
}

export function considerDropIn({ observation }: DecisionInput): Verdict {
  const { active, staged, hasDropIn, unit, unitCheck } = observation;
  if (unitCheck.answer !== 'absent' || !unit.exists) return null;
  const not = (reason: string): NotDone => ({ step: 'install-drop-in', reason, because: 'waiting' });
  // A drop-in of an earlier package is replaced in any case: the new one starts Istio from its package if no release
  // can start.
  if (!hasDropIn) {
    const next = active ?? (isLost(observation) ? staged : null);
    if (next === null) return null;
    const name = active === null ? 'staged' : 'active';
    if (next.problems.length > 0) return not(`the ${name} release is damaged: ${next.problems[0]}`);
  }
  // After a daemon-reload during a stop, systemd would run the new ExecStopPost for the old process, and the old
  // iptables rules would stay. A unit in auto-restart has no process, so the reload is safe.
  if (unit.subState === 'auto-restart') return { do: 'install-drop-in', why: unitCheck.reason };
  if (unit.activeState === 'activating' || unit.activeState === 'deactivating') {
    return not(`istio.service is ${unit.activeState}`);
  }
  return { do: 'install-drop-in', why: unitCheck.reason };
}
