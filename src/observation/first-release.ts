/** Whether this machine has a release of the agent: the agent upgrades Istio only from its first release on. Pure. */
import type { Observation } from './observation.ts';

type Seen = Pick<Observation, 'active' | 'own' | 'hasDropIn' | 'running' | 'unit'>;

export type FirstRelease =
  /** No release was ever made here: Istio, if any, runs from its package's own files. */
  | 'due'
  | 'made'
  /**
   * Only the releases are missing, for example after an image-based update, a restore, or with another disk on /opt.
   * Istio runs from its package's own files, or not at all, until the wanted release is made again.
   */
  | 'lost';

export function firstRelease({ active, own, hasDropIn, running, unit }: Seen): FirstRelease {
  if (active !== null) return 'made';
  if (!unit.exists) return 'due';
  if (hasDropIn) return 'lost';
  // `own` may be the record of an adoption that was cut off before its link was made: it continues when Istio runs.
  const canBeAdopted = running.answer === 'package' || running.answer === 'release' || isUp(unit);
  return own !== null && !canBeAdopted ? 'lost' : 'due';
}

export function isLost(seen: Seen): boolean {
  return firstRelease(seen) === 'lost';
}

/** Running or starting, but not exiting again and again. */
function isUp({ activeState, subState }: Observation['unit']): boolean {
  return activeState !== 'inactive' && activeState !== 'failed' && subState !== 'auto-restart';
}

/**
 * The sentence for an operator, with what to do. `why`: the reason why the wanted release cannot be made, null if it
 * can.
 */
export function describeLost(observation: Observation, why: string | null): string {
  const { running, staged } = observation;
  const now =
    running.answer === 'package' ? "Istio runs from its package's own files" : 'Istio does not run from a release';
  const lost = `no release is active in /opt/smm-agent/istio any more: ${now}`;
  if (why === null) {
    const what = staged === null ? 'the wanted release' : `release ${staged.manifest.id}`;
    return `${lost}; ${what} is staged: run systemctl restart istio`;
  }
  const remedy = 'correct this, then run smm-agent reconcile and systemctl restart istio';
  const adopt = 'smm-agent adopt --yes takes the files of the package as they are now';
  return `${lost}; the wanted release cannot be made: ${why}; ${remedy} (${adopt})`;
}
