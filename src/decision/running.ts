/** What follows from what runs: a release is confirmed, a stopped Istio started, an old release removed. Pure. */
import type { ReleaseId } from '../istio/release.ts';
import { isLost } from '../observation/first-release.ts';
import type { Observation } from '../observation/observation.ts';
import { HOSTS_KEY, triedBefore } from './reasons.ts';
import type { Because, DecisionInput, NotDone, Verdict } from './step.ts';

/** How long a proxy must have been up, as the same process, before its release is confirmed. */
const SETTLING_MS = 60_000;
/**
 * Who has run for so long has come up, whatever its health page says, or whoever answers in its place. As LONG_SECONDS in
 * systemd/bin/istio-put-back: change both.
 */
const LONG_MS = 3_600_000;

/** As ENDS_TO_REJECT in systemd/bin/istio-put-back: change both. */
const TRIES = 3;

/** A release that was seen up for a while is confirmed: from then on its end is never its own fault. */
export function considerConfirming({ observation }: DecisionInput): Verdict {
  const { active, running, health, confirmed } = observation;
  if (active === null || running.answer !== 'release' || confirmed.has(running.id)) return null;
  const not = (reason: string): NotDone => ({ step: 'confirm', reason, because: 'waiting' });
  const { upMs } = running;
  if (upMs >= LONG_MS) {
    const isReady = health?.answer === 'ready';
    const doubt = isReady ? '' : `, although ${health?.reason ?? 'nobody has asked whether it is ready'}`;
    return { do: 'confirm', id: running.id, why: `release ${running.id} is up for an hour${doubt}` };
  }
  if (health === null) return not(`whether release ${running.id} is ready was not looked at`);
  if (health.answer !== 'ready') return not(`release ${running.id} is not ready yet: ${health.reason}`);
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
export function considerStart({ observation, config }: DecisionInput): Verdict {
  if (observation.unit.activeState === 'failed') return considerFailed(observation, config.hold);
  const { unit, job, stop, pending, stagedSince } = observation;
  if (!unit.exists || unit.activeState !== 'inactive' || job !== null || stop === null) return null;
  // The record of the last end is no stop by hand, yet the unit is not on its way up: it was stopped while it waited.
  if (stop.kind !== 'own-end') return null;
  const not = (reason: string, because: Because = 'refused'): NotDone => ({ step: 'start', reason, because });
  if (config.hold) return not('this machine is held (hold: true)', 'held');
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
      if (stagedSince === null || stoppedAt === null || secondOf(stagedSince) > secondOf(stoppedAt)) {
        return not('Istio was stopped before the new release was staged');
      }
      return { do: 'start', why: 'Istio was stopped while a restart was pending' };
    }
  }
}

/**
 * Without its line of /etc/hosts a running proxy finds no istiod: it keeps its last configuration, and cannot renew its certificate.
 * A held machine, too, has the Istio that needs it. A start of Istio puts the line in by itself.
 */
export function considerHosts({ observation, attempts }: DecisionInput): Verdict {
  const { unit, hostsLine, at } = observation;
  // Another address is somebody's wish, as long as Istio runs with it: that is told.
  if (hostsLine.answer !== 'missing' || unit.activeState !== 'active') return null;
  const { line } = hostsLine;
  const again = triedBefore(HOSTS_KEY, attempts, at);
  if (again !== null) return { step: 'restore-hosts', ...again };
  return { do: 'restore-hosts', line, why: `Istio runs, and "${line}" is missing in /etc/hosts` };
}

/**
 * systemd has given up (an operator's StartLimitBurst), and the next start would bring another release than the one that ended: the one
 * that a bad one was rolled back to, or one in the place of a lost one. Or the tries of a release on trial are not over. Nobody has
 * stopped this Istio. A confirmed release is left alone.
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
  // A rollback is no upgrade: it goes on under hold, and so do the tries that lead to it. Nothing else does.
  if (hold && !isRolledBack && !isTried) return not('this machine is held (hold: true)', 'held');
  if (/^masked/.test(unit.unitFileState)) return not('istio.service is masked');
  if (stop.becameDisabled) return not('istio.service was disabled since its last start');
  const why = isTried
    ? `it has ended ${ends} times, and is rolled back after ${TRIES}`
    : isRolledBack
      ? `it was rolled back from ${stop.release}`
      : 'the one before it is lost';
  return {
    do: 'start',
    why: `istio.service has failed, and its next start brings release ${next.manifest.id}: ${why}`,
  };
}

/** Ended, and not often enough yet: with a low limit systemd gives up before a bad release is rolled back. */
function isOnTrial(ends: number): boolean {
  return ends > 0 && ends < TRIES;
}

/** systemd tells whole seconds: what was staged earlier in the same one would seem to come after the stop. */
function secondOf(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

/**
 * What runs, is active, staged or wanted stays, with what a bad release is put back to, and one more: what somebody may want to go back
 * to. That is one of another version of Istio before all: each edit of istio.env makes a release, and must not push that one out.
 */
export function considerCleaning({ observation }: DecisionInput, wantedId: ReleaseId | null): Verdict {
  const { active, staged, running, previous, confirmed, rejected, releases } = observation;
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
