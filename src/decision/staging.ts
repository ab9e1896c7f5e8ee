/** Which release istio.service switches to at its next start. Pure. */
import type { ReleaseConfiguration, ReleaseId } from '../istio/release.ts';
import { firstRelease } from '../observation/first-release.ts';
import type { LinkedRelease } from '../observation/observation.ts';
import { blockedBy, triedBefore } from './reasons.ts';
import type { Because, DecisionInput, NotDone, Verdict } from './step.ts';
import type { Wanted } from './wanted.ts';

export function considerStaging(input: DecisionInput, wantedId: ReleaseId | null): Verdict {
  const { observation, wanted, agentWanted, config, attempts } = input;
  const { active, staged, hasDropIn, unit, unitCheck } = observation;
  const first = firstRelease(observation);
  if (first === 'due') return null;
  const lost = first === 'lost';
  const not = (reason: string, because: Because): NotDone => ({ step: 'stage', reason, because });
  const isStaged = staged !== null && staged.manifest.id !== active?.manifest.id;
  // istio-put-back has staged what a rejected release is rolled back to: that goes on, whatever is wanted.
  const isRollback = isStaged && active !== null && observation.rejected.has(active.manifest.id);
  if (config.hold) {
    return isStaged && !isRollback
      ? { do: 'withdraw', why: 'this machine is held' }
      : not('this machine is held (hold: true)', 'held');
  }
  // Where the drop-in is lost as well, it is put in once there is something to start from.
  if (unitCheck.answer === 'absent' && !(lost && !hasDropIn && unit.exists)) {
    return not(unit.exists ? 'the drop-in of istio.service is not in place yet' : unitCheck.reason, 'waiting');
  }
  if (unitCheck.answer === 'blocked') {
    // A restart would switch to it all the same, and run the new pilot-agent with the old Envoy, or move nowhere.
    return isStaged ? { do: 'withdraw', why: blockedBy(unitCheck) } : not(blockedBy(unitCheck), 'refused');
  }
  if (wanted.answer === 'nothing') {
    // What the operator has forbidden since must not come with the next restart.
    const isForbidden = wanted.because === 'not-allowed' && staged?.manifest.istioVersion === wanted.istioVersion;
    const isRefused = wanted.because === 'not-allowed' || wanted.because === 'invalid';
    return isStaged && isForbidden
      ? { do: 'withdraw', why: wanted.reason }
      : not(wanted.reason, isRefused ? 'refused' : 'waiting');
  }
  if (wantedId !== null && wantedId === active?.manifest.id && !isRollback) {
    return isStaged ? { do: 'withdraw', why: 'what is active is wanted again' } : null;
  }
  const { least } = agentWanted;
  const tooOld =
    least === null || least.met ? null : `the control plane wants at least smm-agent ${least.version} for it`;
  if (wantedId !== null) {
    const rejection = observation.rejected.get(wantedId);
    if (rejection !== undefined && rejection.retryAt > observation.at) {
      const why = `release ${wantedId} was rejected: ${rejection.reason}`;
      // Staged by a turn that had looked before the rejection.
      if (isStaged && staged.manifest.id === wantedId) return { do: 'withdraw', why };
      const until = `not tried again before ${rejection.retryAt.toISOString()} (smm-agent retry clears it)`;
      return { ...not(`${why}; ${until}`, 'refused'), fact: why };
    }
    if (staged?.manifest.id === wantedId && staged.problems.length === 0) return null;
    if (tooOld !== null) return not(tooOld, 'waiting');
    const known = observation.releases.find((release) => release.manifest.id === wantedId);
    if (known !== undefined && known.problems.length === 0) {
      return { do: 'point-staged', id: wantedId, why: `release ${wantedId} is complete on disk and wanted` };
    }
  }
  if (tooOld !== null) return not(tooOld, 'waiting');
  const key = stageKey(wanted, config.istio.source === 'official' ? config.istio.downloads : agentWanted.repository);
  const again = triedBefore(key, attempts, observation.at);
  if (again !== null) return { step: 'stage', ...again };
  return {
    do: 'stage',
    wanted,
    repository: agentWanted.repository,
    key,
    why: `Istio ${wanted.istioVersion} of revision ${wanted.revision.name} is wanted`,
  };
}

/**
 * The same try for the same target: what a failure is remembered for. Whoever corrects where packages come from need not wait; `from` is
 * null where nobody names a place.
 */
export function stageKey(wanted: Extract<Wanted, { answer: 'release' }>, from: string | null): string {
  if (from === null) return `stage ${wanted.istioVersion} from nowhere`;
  // Without user and password, which a mirror's URL may have: it is shown.
  const { host, pathname } = new URL(from);
  return `stage ${wanted.istioVersion} from ${host}${pathname.replace(/\/$/, '')}`;
}

/** The release on disk that has the wanted version, revision and configuration. The package's digest is part of its id. */
export function findWanted(releases: readonly LinkedRelease[], wanted: Wanted): LinkedRelease | null {
  if (wanted.answer !== 'release') return null;
  const matches = releases.filter(
    ({ manifest, configuration }) =>
      manifest.istioVersion === wanted.istioVersion &&
      manifest.revision === wanted.revision.name &&
      sameConfiguration(configuration, wanted.configuration),
  );
  return matches.at(-1) ?? null;
}

function sameConfiguration(a: ReleaseConfiguration, b: ReleaseConfiguration): boolean {
  return (
    a.clusterEnv === b.clusterEnv &&
    a.sidecarEnv === b.sidecarEnv &&
    a.mesh === b.mesh &&
    a.hosts === b.hosts &&
    a.rootCert === b.rootCert
  );
}
