/**
 * The core of the agent: compares what is true on this machine with what is wanted, and names the steps to take and the
 * steps not taken, each with its reason. Pure. A turn observes and decides again after each round of steps: each step
 * may assume that its reason was true a moment ago, and no step has to foresee the effect of another step.
 */

import { isUntried } from '../observation/observation.ts';
import { considerFirstRelease } from './first-release.ts';
import { considerRestart, considerUpgrade, considerVersionCleaning, withoutSteps } from './own-version.ts';
import { considerCleaning, considerConfirming, considerHosts, considerStart } from './running.ts';
import { considerStaging, findWanted } from './staging.ts';
import type { Decision, DecisionInput, NotDone, Step } from './step.ts';
import { considerDropIn, considerUnitFile } from './unit.ts';

export function decide(input: DecisionInput): Decision {
  const wantedId = findWanted(input.observation.releases, input.wanted)?.manifest.id ?? null;
  const steps: Step[] = [];
  const notDone: NotDone[] = [];
  for (const consider of [
    considerRestart,
    // Before everything about Istio: a later version of the agent may have fixed a bug that a step for Istio would hit.
    considerUpgrade,
    considerFirstRelease,
    considerUnitFile,
    considerDropIn,
    considerStaging,
    considerConfirming,
    considerStart,
    considerHosts,
    considerCleaning,
    considerVersionCleaning,
  ]) {
    const verdict = consider(input, wantedId);
    if (verdict === null) continue;
    if ('do' in verdict) steps.push(verdict);
    else notDone.push(verdict);
  }
  const decision = { steps, notDone, wantedId };
  return isUntried(input.observation) ? withoutSteps(decision) : decision;
}
