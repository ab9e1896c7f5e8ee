/**
 * The heart: from what is true here and what is wanted to the steps, with the reason for each step taken and not taken.
 * Pure. A turn observes and decides again after each round of steps, so each step may assume
 * that its reason held a moment ago, and none has to foresee the effect of another.
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
    // Before Istio: what a later version has mended is not to be met by an earlier one.
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
