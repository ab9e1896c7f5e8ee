/**
 * The heart: from what is true here and what is wanted to the steps, with the reason for each step taken and not taken.
 * Pure, and imports types only. A turn observes and decides again after each round of steps, so each step may assume
 * that its reason held a moment ago, and none has to foresee the effect of another.
 */
import type { Config } from '../config.ts';
import type { ReleaseConfiguration, ReleaseId } from '../istio/release.ts';
import type { Attempt } from './attempts.ts';
import type { Decision, NotDone, Step } from './decision.ts';
import type { LinkedRelease, Observation } from './observation.ts';
import type { Wanted } from './wanted.ts';

export interface DecisionInput {
  observation: Observation;
  wanted: Wanted;
  config: Config;
  /** The last failed try for each key of `stageKey`, with the time before which it is not tried again. */
  attempts: ReadonlyMap<string, Attempt>;
  /** Revision that an Istio which is not adopted yet belongs to; null while that cannot be told. */
  adoptedRevision: string | null;
}

/** How long a proxy must have been up, as the same process, before its release is confirmed. */
const SETTLING_MS = 60_000;

export function decide(input: DecisionInput): Decision {
  const wantedId = findWanted(input.observation.releases, input.wanted)?.manifest.id ?? null;
  const steps: Step[] = [];
  const notDone: NotDone[] = [];
  for (const consider of [
    considerAdoption,
    considerUnitFile,
    considerDropIn,
    considerStaging,
    considerConfirming,
    considerStart,
    considerCleaning,
  ]) {
    const verdict = consider(input, wantedId);
    if (verdict === null) continue;
    if ('do' in verdict) steps.push(verdict);
    else notDone.push(verdict);
  }
  return { steps, notDone, wantedId };
}

type Verdict = Step | NotDone | null;

/** Istio of the official package is copied into a release of our own; what runs is not touched. */
function considerAdoption({ observation, adoptedRevision, attempts }: DecisionInput): Verdict {
  if (observation.active !== null) return null;
  const not = (reason: string): NotDone => ({ step: 'adopt', reason });
  const { unit, running, unitCheck } = observation;
  if (!unit.exists) return not('istio.service is not installed on this machine');
  // Until its owner has changed what blocks, Istio starts from these files: a copy of them would grow old unseen.
  if (unitCheck.answer === 'blocked') return not(blockedBy(unitCheck));
  if (unit.activeState !== 'active') return not(`istio.service is ${unit.activeState}: Istio is adopted once it runs`);
  if (running.answer === 'unknown') return not(`what runs in istio.service cannot be told: ${running.reason}`);
  if (running.answer === 'nothing') return not('Istio is coming up: it is adopted once Envoy runs');
  if (adoptedRevision === null) return not('the control plane has not said yet which revision is asked for here');
  const again = triedBefore(ADOPT_KEY, attempts, observation.at);
  if (again !== null) return { step: 'adopt', ...again };
  return { do: 'adopt', revision: adoptedRevision, why: 'Istio of the official package runs here' };
}

/** What runs must be startable again, also when dpkg has removed the official package and its unit file with it. */
function considerUnitFile({ observation: { active, unit, unitFile } }: DecisionInput): Verdict {
  if (active === null || unitFile === 'there') return null;
  // As for the drop-in: no daemon-reload in the middle of a start or stop.
  if (unit.activeState === 'activating' || unit.activeState === 'deactivating') {
    return { step: 'keep-unit-file', reason: `istio.service is ${unit.activeState}` };
  }
  return unitFile === 'gone'
    ? { do: 'keep-unit-file', why: 'the package of istio.service was removed while Istio runs' }
    : { do: 'give-unit-file-back', why: 'the package of istio.service is back' };
}

function considerDropIn({ observation }: DecisionInput): Verdict {
  const { active, unit, unitCheck } = observation;
  if (active === null || unitCheck.answer !== 'absent' || !unit.exists) return null;
  const not = (reason: string): NotDone => ({ step: 'install-drop-in', reason });
  if (active.problems.length > 0) return not(`the active release is damaged: ${active.problems[0]}`);
  // A daemon-reload during a stop runs the new ExecStopPost with the old process: its rules would stay behind.
  if (unit.activeState === 'activating' || unit.activeState === 'deactivating') {
    return not(`istio.service is ${unit.activeState}`);
  }
  return { do: 'install-drop-in', why: unitCheck.reason };
}

function considerStaging(input: DecisionInput, wantedId: ReleaseId | null): Verdict {
  const { observation, wanted, config, attempts } = input;
  const { active, staged, unit, unitCheck } = observation;
  if (active === null) return null;
  const not = (reason: string): NotDone => ({ step: 'stage', reason });
  const isStaged = staged !== null && staged.manifest.id !== active.manifest.id;
  if (config.hold) {
    return isStaged ? { do: 'withdraw', why: 'this machine is held' } : not('this machine is held (hold: true)');
  }
  if (unitCheck.answer === 'absent') {
    return not(unit.exists ? 'the drop-in of istio.service is not in place yet' : unitCheck.reason);
  }
  if (unitCheck.answer === 'blocked') {
    // A restart would switch to it all the same, and run the new pilot-agent with the old Envoy, or move nowhere.
    return isStaged ? { do: 'withdraw', why: blockedBy(unitCheck) } : not(blockedBy(unitCheck));
  }
  if (wanted.answer === 'nothing') {
    // What the operator has forbidden since must not come with the next restart.
    const isForbidden = wanted.because === 'not-allowed' && staged?.manifest.istioVersion === wanted.istioVersion;
    return isStaged && isForbidden ? { do: 'withdraw', why: wanted.reason } : not(wanted.reason);
  }
  if (wantedId === active.manifest.id) {
    return isStaged ? { do: 'withdraw', why: 'what is active is wanted again' } : null;
  }
  if (wantedId !== null) {
    const rejection = observation.rejected.get(wantedId);
    if (rejection !== undefined && rejection.retryAt > observation.at) {
      const why = `release ${wantedId} was rejected: ${rejection.reason}`;
      // Staged by a turn that had looked before the rejection.
      if (isStaged && staged.manifest.id === wantedId) return { do: 'withdraw', why };
      return not(`${why}; not tried again before ${rejection.retryAt.toISOString()} (smm-agent retry clears it)`);
    }
    if (staged?.manifest.id === wantedId && staged.problems.length === 0) return null;
    const known = observation.releases.find((release) => release.manifest.id === wantedId);
    if (known !== undefined && known.problems.length === 0) {
      return { do: 'point-staged', id: wantedId, why: `release ${wantedId} is complete on disk and wanted` };
    }
  }
  const key = stageKey(wanted, config.istio.downloads);
  const again = triedBefore(key, attempts, observation.at);
  if (again !== null) return { step: 'stage', ...again };
  return {
    do: 'stage',
    wanted,
    key,
    why: `Istio ${wanted.istioVersion} of revision ${wanted.revision.name} is wanted`,
  };
}

/** A release that was seen up for a while is confirmed: from then on its end is never its own fault. */
function considerConfirming({ observation }: DecisionInput): Verdict {
  const { active, running, health, confirmed } = observation;
  if (active === null || running.answer !== 'release' || confirmed.has(running.id)) return null;
  const not = (reason: string): NotDone => ({ step: 'confirm', reason });
  if (health?.answer !== 'ready')
    return not(`release ${running.id} is not ready yet: ${health?.reason ?? 'not asked'}`);
  const { upMs } = running;
  if (upMs < SETTLING_MS)
    return not(`release ${running.id} is up for ${Math.round(upMs / 1000)} s, confirmed after ${SETTLING_MS / 1000} s`);
  return {
    do: 'confirm',
    id: running.id,
    why: `release ${running.id} is up and ready for ${Math.round(upMs / 1000)} s`,
  };
}

/**
 * `systemctl stop istio` restarts a pending Istio: the stop hook does that, also without the agent. What is left for the
 * agent is a stop out of auto-restart, where systemd runs no ExecStopPost.
 */
function considerStart({ observation, config }: DecisionInput): Verdict {
  const { unit, job, stop, pending, stagedSince } = observation;
  if (!unit.exists || unit.activeState !== 'inactive' || job !== null || stop === null) return null;
  // The record of the last end is no stop by hand, yet the unit is not on its way up: it was stopped while it waited.
  if (stop.kind !== 'own-end') return null;
  const not = (reason: string): NotDone => ({ step: 'start', reason });
  if (config.hold) return not('this machine is held (hold: true)');
  // As reason_to_stay_stopped in systemd/bin/istio-stop-lib.sh: change both.
  if (/^masked/.test(unit.unitFileState)) return not('istio.service is masked');
  if (stop.becameDisabled && config.istio.startWhenStopped !== 'always') {
    return not('istio.service was disabled since its last start');
  }
  switch (config.istio.startWhenStopped) {
    case 'never':
      return not('istio.startWhenStopped is never');
    case 'always':
      return { do: 'start', why: 'Istio was stopped, and istio.startWhenStopped is always' };
    case 'when-pending': {
      if (pending.answer !== 'yes') return not('Istio was stopped and nothing is pending');
      // What was staged after the stop is no reason to start what somebody wanted stopped.
      // systemd forgets a stopped unit that was never enabled: the record of its end is what is left.
      const stoppedAt = unit.inactiveEnter ?? stop.at;
      if (stagedSince === null || stoppedAt === null || stagedSince > stoppedAt) {
        return not('Istio was stopped before the new release was staged');
      }
      return { do: 'start', why: 'Istio was stopped while a restart was pending' };
    }
  }
}

/**
 * What runs, is active, staged or wanted stays, with what a bad release is put back to, and one more: what somebody may
 * want to go back to.
 */
function considerCleaning({ observation }: DecisionInput, wantedId: ReleaseId | null): Verdict {
  const { active, staged, running, previous, confirmed, releases } = observation;
  // While it cannot be told what runs, nothing is deleted.
  if (active === null || running.answer === 'unknown') return null;
  const ids = releases.map(({ manifest }) => manifest.id);
  const needed = new Set([
    active.manifest.id,
    staged?.manifest.id,
    wantedId,
    running.answer === 'release' ? running.id : null,
    previous,
    ids.findLast((id) => confirmed.has(id)),
  ]);
  const spare = ids.filter((id) => !needed.has(id));
  const remove = spare.slice(0, -1);
  if (remove.length === 0) return null;
  return {
    do: 'clean',
    remove,
    keep: ids.filter((id) => needed.has(id)),
    why: `${remove.length} releases are not needed any more`,
  };
}

/** The same try for the same target: what a failure is remembered for. Whoever corrects istio.downloads need not wait. */
export function stageKey(wanted: Extract<Wanted, { answer: 'release' }>, downloads: string): string {
  // Without user and password, which a mirror's URL may have: it is shown.
  const { host, pathname } = new URL(downloads);
  return `stage ${wanted.istioVersion} from ${host}${pathname.replace(/\/$/, '')}`;
}

/** What a failed adoption is remembered for. */
export const ADOPT_KEY = 'adopt';

function triedBefore(
  key: string,
  attempts: DecisionInput['attempts'],
  now: Date,
): { reason: string; failed: true } | null {
  const attempt = attempts.get(key);
  if (attempt === undefined || attempt.retryAt <= now) return null;
  const { reason, count, retryAt } = attempt;
  const times = count === 1 ? 'once' : `${count} times`;
  const again = `tried ${times}, again at ${retryAt.toISOString()} (smm-agent retry tries at once)`;
  return { reason: `${reason}; ${again}`, failed: true };
}

function blockedBy({ findings }: Extract<Observation['unitCheck'], { answer: 'blocked' }>): string {
  return `blocked: ${findings.map(({ text }) => text).join('; ')}`;
}

/** The release on disk that has the wanted version, revision and configuration. The package's digest is part of its id. */
function findWanted(releases: readonly LinkedRelease[], wanted: Wanted): LinkedRelease | null {
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
