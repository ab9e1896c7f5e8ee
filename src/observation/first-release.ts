/** Whether this machine has a release of ours: with the first one the agent begins to work for its Istio. Pure. */
import type { Observation } from './observation.ts';

type Seen = Pick<Observation, 'active' | 'own' | 'hasDropIn' | 'running' | 'unit'>;

export type FirstRelease =
  /** None was ever made here: Istio, if any, runs from its package's own files. */
  | 'due'
  | 'made'
  /**
   * Everything else is there: an image-based update, another disk on /opt, a restore. Istio runs from its package's own
   * files, or not at all, until the wanted release is made again.
   */
  | 'lost';

export function firstRelease({ active, own, hasDropIn, running, unit }: Seen): FirstRelease {
  if (active !== null) return 'made';
  if (!unit.exists) return 'due';
  if (hasDropIn) return 'lost';
  // The record of an adoption that was cut off before its link was made: it goes on as soon as Istio runs.
  const canBeAdopted = running.answer === 'package' || running.answer === 'release' || isUp(unit);
  return own !== null && !canBeAdopted ? 'lost' : 'due';
}

export function isLost(seen: Seen): boolean {
  return firstRelease(seen) === 'lost';
}

/** Up, or on its way; not one that ends again and again. */
function isUp({ activeState, subState }: Observation['unit']): boolean {
  return activeState !== 'inactive' && activeState !== 'failed' && subState !== 'auto-restart';
}

/**
 * What an operator reads of it, and what leads out. `why`: what keeps the agent from making the wanted release, null
 * where nothing does.
 */
export function describeLost(observation: Observation, why: string | null): string {
  const { running, staged } = observation;
  const now =
    running.answer === 'package' ? "Istio runs from its package's own files" : 'Istio does not run from a release';
  const lost = `no release is active in /opt/smm-agent/istio any more: ${now}`;
  if (why === null) {
    const what = staged === null ? 'the wanted one' : `release ${staged.manifest.id}`;
    return `${lost}; ${what} is staged: run systemctl restart istio`;
  }
  const out = 'once that is mended run smm-agent reconcile, then systemctl restart istio';
  return `${lost}; the wanted one cannot be made: ${why}; ${out} (smm-agent adopt --yes takes the files of the package as they are now)`;
}
