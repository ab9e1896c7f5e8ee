/** The part of the Status about the agent's own versions. Pure. */
import { isOwnStep } from '../decision/own-version.ts';
import { isOnProbation } from '../observation/observation.ts';
import type { StatusInput, UpgradeSummary } from './status.ts';

type Input = Pick<StatusInput, 'observation' | 'agentWanted' | 'decision' | 'failures'>;

export function upgradeSummary(input: Input): UpgradeSummary {
  const { agent } = input.observation;
  const { running, installed, previous, probation } = agent;
  const { agentWanted } = input;
  return {
    running,
    installed,
    previous,
    wanted: 'version' in agentWanted ? agentWanted.version : null,
    heldBy: agentWanted.heldBy ?? null,
    ...stateOf(input),
    probation:
      probation === null
        ? null
        : { version: probation.to, from: probation.from, begun: probation.begun, prolonged: probation.extended },
  };
}

function stateOf(input: Input): Pick<UpgradeSummary, 'state' | 'reason' | 'fact'> {
  const { agentWanted, decision, failures, observation } = input;
  const { probation, rejected, left } = observation.agent;
  if (isOnProbation(observation) && probation !== null) {
    const extended = probation.extended === 0 ? '' : ', extended because the cause is not this version';
    return { state: 'probation', reason: `in place of ${probation.from} since ${probation.begun}${extended}` };
  }
  const failed = failures.find(({ step }) => isOwnStep(step));
  const notDone = decision.notDone.find(({ step }) => isOwnStep(step));
  const restart = decision.steps.find((step) => step.do === 'restart-agent');
  if (restart !== undefined)
    return { state: failed === undefined ? 'waiting' : 'failing', reason: failed?.sentence ?? restart.why };
  const reason = notDone?.reason ?? failed?.sentence ?? null;
  const fact = notDone?.fact === undefined ? {} : { fact: notDone.fact };
  switch (agentWanted.answer) {
    case 'off':
    case 'held':
      return { state: agentWanted.answer, reason };
    case 'unknown':
      return { state: 'waiting', reason };
    case 'not-allowed':
    case 'invalid':
      return { state: 'rejected', reason };
    case 'version': {
      if (agentWanted.step === 'same') return { state: 'current', reason: null };
      const { version } = agentWanted;
      if (rejected.has(version) || left?.version === version) return { state: 'rejected', reason, ...fact };
      if (failed !== undefined || notDone?.because === 'failed') return { state: 'failing', reason, ...fact };
      return { state: 'waiting', reason };
    }
  }
}
