/** How a machine gets its first release. Pure. */
import { firstRelease } from '../observation/first-release.ts';
import { ADOPT_KEY, blockedBy, triedBefore } from './reasons.ts';
import type { Because, DecisionInput, NotDone, Verdict } from './step.ts';

/**
 * Also handles a machine that has lost both its release and the record of its own configuration. If only the release is
 * lost, staging makes the wanted release from the record, in every state of the unit. So far there is one way to a
 * first release: the agent adopts the running Istio of a package.
 */
export function considerFirstRelease(input: DecisionInput): Verdict {
  const { observation } = input;
  const is = firstRelease(observation);
  if (is === 'made' || (is === 'lost' && observation.own !== null)) return null;
  return considerAdoption(input);
}

/** The official package's Istio is copied into a release; the running Istio is not touched. */
function considerAdoption({ observation, adoptedRevision, attempts }: DecisionInput): Verdict {
  const not = (reason: string, because: Because = 'waiting'): NotDone => ({ step: 'adopt', reason, because });
  const { unit, running, unitCheck } = observation;
  if (!unit.exists) return not('istio.service is not installed on this machine');
  // Until the owner has changed the blocking setting, Istio starts from the package's files: a copy would become out of
  // date.
  if (unitCheck.answer === 'blocked') return not(blockedBy(unitCheck), 'refused');
  if (unit.activeState !== 'active') return not(`istio.service is ${unit.activeState}: Istio is adopted once it runs`);
  if (running.answer === 'unknown') return not(`cannot tell what runs in istio.service: ${running.reason}`);
  if (running.answer === 'nothing') return not('Istio is starting: it is adopted once Envoy runs');
  if (adoptedRevision === null) return not('the control plane has not named the wanted revision yet');
  const again = triedBefore(ADOPT_KEY, attempts, observation.at);
  if (again !== null) return { step: 'adopt', ...again };
  return { do: 'adopt', revision: adoptedRevision, why: 'Istio of the official package runs here' };
}
