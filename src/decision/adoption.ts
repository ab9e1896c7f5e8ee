/** How istio.service becomes the agent's: its release, its drop-in, and its unit file while its package is gone. Pure. */

import { isLost } from '../observation/lost-release.ts';
import { ADOPT_KEY, blockedBy, triedBefore } from './reasons.ts';
import type { Because, DecisionInput, NotDone, Verdict } from './step.ts';

/** Istio of the official package is copied into a release of our own; what runs is not touched. */
export function considerAdoption({ observation, adoptedRevision, attempts }: DecisionInput): Verdict {
  // With the record of the machine's own configuration, what is wanted is made of that, whatever state the unit is in.
  if (observation.active !== null || (observation.own !== null && isLost(observation))) return null;
  const not = (reason: string, because: Because = 'waiting'): NotDone => ({ step: 'adopt', reason, because });
  const { unit, running, unitCheck } = observation;
  if (!unit.exists) return not('istio.service is not installed on this machine');
  // Until its owner has changed what blocks, Istio starts from these files: a copy of them would grow old unseen.
  if (unitCheck.answer === 'blocked') return not(blockedBy(unitCheck), 'refused');
  if (unit.activeState !== 'active') return not(`istio.service is ${unit.activeState}: Istio is adopted once it runs`);
  if (running.answer === 'unknown') return not(`what runs in istio.service cannot be told: ${running.reason}`);
  if (running.answer === 'nothing') return not('Istio is coming up: it is adopted once Envoy runs');
  if (adoptedRevision === null) return not('the control plane has not said yet which revision is asked for here');
  const again = triedBefore(ADOPT_KEY, attempts, observation.at);
  if (again !== null) return { step: 'adopt', ...again };
  return { do: 'adopt', revision: adoptedRevision, why: 'Istio of the official package runs here' };
}

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
