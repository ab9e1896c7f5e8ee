/** Whether the agent upgrades itself, and which of its versions are not needed any more. Pure. */

import { triedBefore } from './reasons.ts';
import type { Because, Decision, DecisionInput, NotDone, OwnDecisionInput, Step, StepName, Verdict } from './step.ts';
import type { AgentWanted } from './wanted-agent.ts';

const OWN_STEPS: ReadonlySet<string> = new Set<StepName>(['upgrade-agent', 'restart-agent']);

/**
 * Whether a step is about the agent itself: if such a step is not taken or fails, steps for Istio are taken all the
 * same.
 */
export function isOwnStep(step: string): boolean {
  return OWN_STEPS.has(step);
}

/** The step for the agent's own version, without any knowledge of Istio; null if there is none. */
export function decideOwn(input: OwnDecisionInput): Step | null {
  const verdicts = [considerRestart(input), considerUpgrade(input)];
  return verdicts.find((verdict) => verdict !== null && 'do' in verdict) ?? null;
}

/** The restart after a switch to another version. If systemd could not be asked then, each later turn asks it again. */
export function considerRestart({ observation }: OwnDecisionInput): Verdict {
  const { running, installed, probation, invocation } = observation.agent;
  if (installed === null || installed === running || probation?.to !== installed || invocation === null) return null;
  return { do: 'restart-agent', version: installed, why: `smm-agent ${installed} is in place, and starts now` };
}

export function considerUpgrade({ observation, agentWanted, attempts }: OwnDecisionInput): Verdict {
  const { running, installed, rejected, left, invocation, probation } = observation.agent;
  const not = (reason: string, because: Because = 'waiting'): NotDone => ({ step: 'upgrade-agent', reason, because });
  if (agentWanted.answer !== 'version') return not(agentWanted.reason, becauseOf(agentWanted));
  const { version, repository, step } = agentWanted;
  if (step === 'same') return null;
  // `considerRestart` handles this case.
  if (installed !== running && probation?.to === installed) return null;
  if (installed === null) return not(`the link current names no version; smm-agent ${running} is still running`);
  if (installed !== running) return not(`smm-agent ${installed} starts next; smm-agent ${running} is still running`);
  if (invocation === null) return not(`smm-agent ${version} is wanted, and only the daemon changes its version`);
  if (left?.version === version) {
    return not(
      `an operator rolled smm-agent ${version} back at ${left.at} (smm-agent retry installs it again)`,
      'refused',
    );
  }
  const rejection = rejected.get(version);
  if (rejection !== undefined) {
    const until = `not tried again before ${rejection.retryAt.toISOString()} (smm-agent retry clears it)`;
    const fact = `smm-agent ${version} was rejected: ${rejection.reason}`;
    return { ...not(`${fact}; ${until}`, 'refused'), fact };
  }
  const host = repository === null ? null : new URL(repository).host;
  const key = `agent ${version} from ${host ?? 'nowhere'}`;
  const again = triedBefore(key, attempts, observation.at);
  if (again !== null) return { step: 'upgrade-agent', ...again };
  return {
    do: 'upgrade-agent',
    version,
    from: running,
    repository,
    key,
    why: `smm-agent ${version} is wanted, in place of ${running}`,
  };
}

function becauseOf(wanted: Exclude<AgentWanted, { answer: 'version' }>): Because {
  switch (wanted.answer) {
    case 'held':
      return wanted.by === 'machine' ? 'held' : 'refused';
    case 'not-allowed':
    case 'invalid':
      return 'refused';
    case 'off':
    case 'unknown':
      return 'waiting';
  }
}

/**
 * Three versions stay: the one that runs, the previous one, and the newest other one that was not rejected, in case
 * both of these are damaged.
 */
export function considerVersionCleaning({ observation }: DecisionInput): Verdict {
  const { running, installed, previous, versions, rejected } = observation.agent;
  if (installed !== running) return null;
  const others = versions.filter((version) => version !== running && version !== previous);
  const spare = others.findLast((version) => !rejected.has(version)) ?? others.at(-1);
  const remove = others.filter((version) => version !== spare);
  if (remove.length === 0) return null;
  return {
    do: 'clean-versions',
    remove,
    why: `${remove.length === 1 ? '1 version of the agent is' : `${remove.length} versions of the agent are`} not needed any more`,
  };
}

/** A version on probation only observes and reports; every step waits until the version is confirmed. */
export function withoutSteps({ steps, notDone, wantedId }: Decision): Decision {
  const reason = 'this version of the agent is on probation';
  const waiting = steps.map((step): NotDone => ({ step: step.do, reason, because: 'waiting' }));
  return { steps: [], notDone: [...waiting, ...notDone], wantedId };
}
