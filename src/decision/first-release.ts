/** How a machine comes to its first release. Pure. */
import { firstRelease } from '../observation/first-release.ts';
import { ADOPT_KEY, blockedBy, triedBefore } from './reasons.ts';
import type { Because, DecisionInput, NotDone, Verdict } from './step.ts';

/**
 * Also that of a machine which has lost its release and the record of its own configuration. With the record, what is wanted is made of
 * that by staging, whatever state the unit is in. There is one way in so far: the Istio of a package that runs here is adopted.
 */
export function considerFirstRelease(input: DecisionInput): Verdict {
  const { observation } = input;
  const is = firstRelease(observation);
  if (is === 'made' || (is === 'lost' && observation.own !== null)) return null;
  return considerAdoption(input);
}

/** Istio of the official package is copied into a release of our own; what runs is not touched. */
function considerAdoption({ observation, adoptedRevision, attempts }: DecisionInput): Verdict {
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
