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
  // istio-put-back has staged the release that a rejected one is rolled back to: the rollback goes on in any case.
  const isRollback = isStaged && active !== null && observation.rejected.has(active.manifest.id);
  if (config.hold) {
    return isStaged && !isRollback
      ? { do: 'withdraw', why: 'this machine is held' }
      : not('this machine is held (hold: true)', 'held');
  }
  // If the drop-in is lost as well, it is installed after a release is staged.
  if (unitCheck.answer === 'absent' && !(lost && !hasDropIn && unit.exists)) {
    return not(unit.exists ? 'the drop-in of istio.service is not in place yet' : unitCheck.reason, 'waiting');
  }
  if (unitCheck.answer === 'blocked') {
    // A restart would switch to the staged release in spite of the finding. The finding would then defeat the switch,
    // or run the new pilot-agent with the old Envoy.
    return isStaged ? { do: 'withdraw', why: blockedBy(unitCheck) } : not(blockedBy(unitCheck), 'refused');
  }
  if (wanted.answer === 'nothing') {
    // A version that the operator has forbidden since must not start with the next restart.
    const isForbidden = wanted.because === 'not-allowed' && staged?.manifest.istioVersion === wanted.istioVersion;
    const isRefused = wanted.because === 'not-allowed' || wanted.because === 'invalid';
    return isStaged && isForbidden
      ? { do: 'withdraw', why: wanted.reason }
      : not(wanted.reason, isRefused ? 'refused' : 'waiting');
  }
  if (wantedId !== null && wantedId === active?.manifest.id && !isRollback) {
    return isStaged ? { do: 'withdraw', why: 'the active release is wanted again' } : null;
  }
  const { least } = agentWanted;
  const tooOld =
    least === null || least.met ? null : `the control plane requires at least smm-agent ${least.version} to stage it`;
  if (wantedId !== null) {
    const rejection = observation.rejected.get(wantedId);
    if (rejection !== undefined && rejection.retryAt > observation.at) {
      const why = `release ${wantedId} was rejected: ${rejection.reason}`;
      // A turn that had observed the machine before the rejection has staged the release.
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
 * The key under which a failure to stage is noted. `from`, the source of packages, is a part of it: if an operator
 * corrects the source, the agent tries again at once. `from` is null if no source is configured.
 */
export function stageKey(wanted: Extract<Wanted, { answer: 'release' }>, from: string | null): string {
  if (from === null) return `stage ${wanted.istioVersion} from nowhere`;
  // Without the user and password of a mirror's URL, since the key is shown.
  const { host, pathname } = new URL(from);
  return `stage ${wanted.istioVersion} from ${host}${pathname.replace(/\/$/, '')}`;
}

/**
 * The release on disk that has the wanted version, revision and configuration. The package's digest is part of its id.
 */
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
