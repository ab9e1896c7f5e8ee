/**
 * Steps that depend on what runs: confirm a release, start a stopped Istio, restore /etc/hosts, remove old releases.
 * Pure.
 */
import { isMasked } from '../host/systemd/service-manager.ts';
import type { ReleaseId } from '../istio/release.ts';
import { isLost } from '../observation/first-release.ts';
import type { Observation } from '../observation/observation.ts';
import { HOSTS_KEY, triedBefore } from './reasons.ts';
import type { Because, DecisionInput, NotDone, Verdict } from './step.ts';

/** How long the same Envoy process must have been up before its release is confirmed. */
const SETTLING_MS = 60_000;
/**
 * A proxy that has run for so long is confirmed even if its health page reports an error, or if another process answers
 * on its port. The same number is LONG_SECONDS in systemd/bin/istio-put-back: change both.
 */
const LONG_MS = 3_600_000;

/** The same number is ENDS_TO_REJECT in systemd/bin/istio-put-back: change both. */
const TRIES = 3;

/**
 * A release that has been up for a while is confirmed: from then on an exit of Istio is never blamed on the release.
 */
export function considerConfirming({ observation }: DecisionInput): Verdict {
  const { active, running, health, confirmed } = observation;
  if (active === null || running.answer !== 'release' || confirmed.has(running.id)) return null;
  const not = (reason: string): NotDone => ({ step: 'confirm', reason, because: 'waiting' });
  const { upMs } = running;
  if (upMs >= LONG_MS) {
    const isReady = health?.answer === 'ready';
    const doubt = isReady ? '' : `, although ${health?.reason ?? 'its health was not checked'}`;
    return { do: 'confirm', id: running.id, why: `release ${running.id} has been up for an hour${doubt}` };
  }
  if (health === null) return not(`the health of release ${running.id} was not checked`);
  if (health.answer !== 'ready') return not(`release ${running.id} is not ready yet: ${health.reason}`);
  if (upMs < SETTLING_MS)
    return not(
      `release ${running.id} has been up for ${Math.round(upMs / 1000)} s, and is confirmed after ${SETTLING_MS / 1000} s`,
    );
  return {
    do: 'confirm',
    id: running.id,
    why: `release ${running.id} is ready, and has been up for ${Math.round(upMs / 1000)} s`,
  };
}

/**
 * After `systemctl stop istio` with a restart pending, the stop hook starts Istio, also without the agent. The agent
 * handles only a stop while the unit waits in auto-restart, since systemd then runs no ExecStopPost.
 */
export function considerStart({ observation, config }: DecisionInput): Verdict {
  if (observation.unit.activeState === 'failed') return considerFailed(observation, config.hold);
  const { unit, job, stop, pending, stagedSince } = observation;
  if (!unit.exists || unit.activeState !== 'inactive' || job !== null || stop === null) return null;
  // Not `own-end`: the stop hook has run for this stop. `own-end`, yet the unit does not start again: it was stopped in
  // auto-restart.
  if (stop.kind !== 'own-end') return null;
  const not = (reason: string, because: Because = 'refused'): NotDone => ({ step: 'start', reason, because });
  if (config.hold) return not('this machine is held (hold: true)', 'held');
  // The same rules are in reason_to_stay_stopped of systemd/bin/istio-stop-lib.sh: change both.
  if (isMasked(unit)) return not('istio.service is masked');
  if (stop.becameDisabled && config.istio.startWhenStopped !== 'always') {
    return not('istio.service was disabled since its last start');
  }
  switch (config.istio.startWhenStopped) {
    case 'never':
      return not('istio.startWhenStopped is never');
    case 'always':
      return { do: 'start', why: 'Istio was stopped, and istio.startWhenStopped is always' };
    case 'when-pending': {
      if (pending.answer !== 'yes') return not('Istio was stopped, and no restart is pending');
      // An operator has stopped Istio: a release that was staged after the stop is no reason to start it. systemd
      // forgets the times of a stopped unit that was never enabled: then only the record of the stop hook has one.
      const stoppedAt = unit.inactiveEnter ?? stop.at;
      if (stagedSince === null || stoppedAt === null || secondOf(stagedSince) > secondOf(stoppedAt)) {
        return not('Istio was stopped before the new release was staged');
      }
      return { do: 'start', why: 'Istio was stopped while a restart was pending' };
    }
  }
}

/**
 * Without its line in /etc/hosts a running proxy cannot find istiod: it keeps its last configuration, and cannot renew
 * its certificate. The line is restored on a held machine too. A start of Istio restores it without the agent.
 */
export function considerHosts({ observation, attempts }: DecisionInput): Verdict {
  const { unit, hostsLine, at } = observation;
  // Another address is an operator's choice while Istio runs with it: the agent only warns.
  if (hostsLine.answer !== 'missing' || unit.activeState !== 'active') return null;
  const { line } = hostsLine;
  const again = triedBefore(HOSTS_KEY, attempts, at);
  if (again !== null) return { step: 'restore-hosts', ...again };
  return { do: 'restore-hosts', line, why: `Istio runs, and "${line}" is missing in /etc/hosts` };
}

/**
 * systemd does not start Istio any more (an operator's StartLimitBurst), although no operator has stopped it. The agent
 * starts it in three cases: a bad release was rolled back, so the next start brings the previous one; the release
 * folder was lost, so the next start brings its replacement; or a release on trial has not had all its tries. A
 * confirmed release is left alone.
 */
function considerFailed(observation: Observation, hold: boolean): Verdict {
  const { unit, job, stop, active, staged, rejected, confirmed, ends } = observation;
  const next = staged ?? active;
  if (!unit.exists || job !== null || stop?.kind !== 'own-end' || next === null || next.problems.length > 0)
    return null;
  const isRolledBack = stop.release !== null && stop.release !== next.manifest.id && rejected.has(stop.release);
  const isTried = stop.release === next.manifest.id && !confirmed.has(next.manifest.id) && isOnTrial(ends);
  if (!isRolledBack && !isTried && !isLost(observation)) return null;
  const not = (reason: string, because: Because = 'refused'): NotDone => ({ step: 'start', reason, because });
  // A rollback is not an upgrade: a hold does not stop it, nor the tries that lead to it. A hold stops everything else.
  if (hold && !isRolledBack && !isTried) return not('this machine is held (hold: true)', 'held');
  if (isMasked(unit)) return not('istio.service is masked');
  if (stop.becameDisabled) return not('istio.service was disabled since its last start');
  const why = isTried
    ? `it has exited ${ends} times, and is rolled back after ${TRIES} exits`
    : isRolledBack
      ? `release ${stop.release} was rolled back`
      : 'the previous release is lost';
  return {
    do: 'start',
    why: `istio.service has failed, and its next start brings release ${next.manifest.id}: ${why}`,
  };
}

/**
 * The release has exited, but less than three times: with a low StartLimitBurst systemd gives up before the rollback.
 */
function isOnTrial(ends: number): boolean {
  return ends > 0 && ends < TRIES;
}

/**
 * systemd reports whole seconds: a release that was staged earlier in the same second would seem to come after the
 * stop.
 */
function secondOf(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

/**
 * These releases stay: the running, the active, the staged and the wanted one, the ones that a bad release is rolled
 * back to, and one more that an operator may want to go back to. The last is preferably of another version of Istio:
 * each edit of istio.env makes a release of the same version, and must not remove it.
 */
export function considerCleaning({ observation }: DecisionInput, wantedId: ReleaseId | null): Verdict {
  const { active, staged, running, previous, confirmed, rejected, releases } = observation;
  // If it is unknown what runs, nothing is deleted.
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
  const rest = releases.filter(({ manifest: { id } }) => !needed.has(id)).map(({ manifest }) => manifest);
  const others = rest.filter(({ istioVersion }) => istioVersion !== active.manifest.istioVersion);
  const spare =
    others.findLast(({ id }) => confirmed.has(id)) ?? others.findLast(({ id }) => !rejected.has(id)) ?? rest.at(-1);
  const remove = rest.flatMap(({ id }) => (id === spare?.id ? [] : [id]));
  if (remove.length === 0) return null;
  const why =
    remove.length === 1 ? '1 release is not needed any more' : `${remove.length} releases are not needed any more`;
  return { do: 'clean', remove, keep: ids.filter((id) => !remove.includes(id)), why };
}
