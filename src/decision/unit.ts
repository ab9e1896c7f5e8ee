/** What istio.service needs around its release: the drop-in, and its unit file while its package is gone. Pure. */

import { isLost } from '../observation/first-release.ts';
import type { DecisionInput, NotDone, Verdict } from './step.ts';

/** What runs must be startable again, also when dpkg has removed the official package and its unit file with it. */
export function considerUnitFile({ observation: { active, unit, unitFile } }: DecisionInput): Verdict {
  if (active === null || unitFile === 'there') return null;
  // As for the drop-in: no daemon-reload in the middle of a start or stop.
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
  // That of an earlier package is replaced in any case: ours starts Istio from its package where no release can be started.
  if (!hasDropIn) {
    const next = active ?? (isLost(observation) ? staged : null);
    if (next === null) return null;
    const name = active === null ? 'staged' : 'active';
    if (next.problems.length > 0) return not(`the ${name} release is damaged: ${next.problems[0]}`);
  }
  // A daemon-reload during a stop runs the new ExecStopPost with the old process: its rules would stay behind.
  // A unit that waits to be started again has no process.
  if (unit.subState === 'auto-restart') return { do: 'install-drop-in', why: unitCheck.reason };
  if (unit.activeState === 'activating' || unit.activeState === 'deactivating') {
    return not(`istio.service is ${unit.activeState}`);
  }
  return { do: 'install-drop-in', why: unitCheck.reason };
}
