/** Whether the agent becomes another version of itself, and which versions are not needed any more. Pure. */

import { triedBefore } from './reasons.ts';
import type { Because, Decision, DecisionInput, NotDone, OwnDecisionInput, Step, StepName, Verdict } from './step.ts';
import type { AgentWanted } from './wanted-agent.ts';

const OWN_STEPS: ReadonlySet<string> = new Set<StepName>(['upgrade-agent', 'restart-agent']);

/** Whether a step is about the agent itself: what keeps one of them from being done keeps nothing from Istio. */
export function isOwnStep(step: string): boolean {
  return OWN_STEPS.has(step);
}

/** What is to be done now about the agent's own version, whatever may be known of Istio; null where that is nothing. */
export function decideOwn(input: OwnDecisionInput): Step | null {
  const verdicts = [considerRestart(input), considerUpgrade(input)];
  return verdicts.find((verdict) => verdict !== null && 'do' in verdict) ?? null;
}

/** After the switch to another version; where systemd could not be asked for the restart then, at each turn until it can. */
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
  // `considerRestart` has the say.
  if (installed !== running && probation?.to === installed) return null;
  if (installed !== running) return not(`smm-agent ${installed ?? 'of no version'} starts in place of ${running}`);
  if (invocation === null) return not(`smm-agent ${version} is wanted, and only the daemon changes its version`);
  if (left?.version === version) {
    return not(
      `an operator went back from smm-agent ${version} at ${left.at} (smm-agent retry takes it again)`,
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

/** What runs, a version to go back to, and one more stay: the newest that was not rejected, in case both of them are damaged. */
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

/** A version on probation looks and reports; everything else waits until it is confirmed. */
export function withoutSteps({ steps, notDone, wantedId }: Decision): Decision {
  const reason = 'this version of the agent is on probation';
  const waiting = steps.map((step): NotDone => ({ step: step.do, reason, because: 'waiting' }));
  return { steps: [], notDone: [...waiting, ...notDone], wantedId };
}
