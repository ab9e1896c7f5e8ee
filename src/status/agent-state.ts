/** The state of the agent: the most important reason that keeps the agent from its work, or ready. Pure. */
import { isOwnStep } from '../decision/own-version.ts';
import type { Reason } from '../decision/step.ts';
import { describeLost, isLost } from '../observation/first-release.ts';
import { whyNotRun } from './not-run.ts';
import { upgradeSummary } from './own-version.ts';
import type { AgentState, StatusInput } from './status.ts';

export function agentState(input: StatusInput): AgentState {
  const { observation, wanted, decision, failures } = input;
  const { unitCheck } = observation;
  if (unitCheck.answer === 'blocked') {
    return { state: 'blocked', reason: unitCheck.findings.map(({ text, remedy }) => `${text} (${remedy})`).join('; ') };
  }
  if (isLost(observation)) {
    const why = whyNotMade(input);
    return {
      state: why === null ? 'waiting' : 'failing',
      reason: describeLost(observation, why?.reason ?? null),
      fact: describeLost(observation, why?.fact ?? null),
    };
  }
  const held = decision.notDone.find(({ because }) => because === 'held');
  if (held !== undefined) return { state: 'held', ...reasonOf(held) };
  // `fact` is the same from the first failure to the next try, so the journal has one line and not one for each turn.
  const failed = decision.notDone.find(({ because, step }) => because === 'failed' && !isOwnStep(step));
  if (failed !== undefined) return { state: 'failing', ...reasonOf(failed) };
  const failure = failures.find(({ step }) => !isOwnStep(step));
  if (failure !== undefined) return { state: failure.blocked ? 'blocked' : 'failing', reason: failure.sentence };
  const notAdopted = decision.notDone.find(({ step }) => step === 'adopt');
  if (wanted.answer === 'nothing' && wanted.because === 'not-adopted' && notAdopted !== undefined) {
    return { state: 'waiting', ...reasonOf(notAdopted) };
  }
  if (wanted.answer === 'nothing') {
    if (wanted.because === 'own-lost') return { state: 'blocked', reason: wanted.reason };
    const refused = wanted.because === 'not-allowed' || wanted.because === 'invalid';
    return { state: refused ? 'rejected' : 'waiting', reason: wanted.reason };
  }
  const rejected = decision.wantedId !== null && observation.rejected.has(decision.wantedId);
  const notStaged = decision.notDone.find(({ step }) => step === 'stage');
  if (notStaged !== undefined) return { state: rejected ? 'rejected' : 'waiting', ...reasonOf(notStaged) };
  // All is well with Istio: now report a problem with the agent's own upgrade.
  const { state, reason, fact } = upgradeSummary(input);
  if ((state === 'rejected' || state === 'failing') && reason !== null) {
    return { state, reason, ...(fact === undefined ? {} : { fact }) };
  }
  const notRun = whyNotRun(observation);
  if (notRun !== null) return notRun;
  return { state: 'ready', reason: whereWantedIs(input), fact: 'the wanted Istio runs or is staged' };
}

/**
 * `fact` above is the same for each answer: the journal has lines of its own about what runs and about a pending
 * restart.
 */
function whereWantedIs({ observation: { active, staged }, decision: { wantedId } }: StatusInput): string {
  // The active release runs: whyNotRun has found no problem.
  if (wantedId !== null && wantedId === active?.manifest.id) return 'the wanted Istio runs';
  if (wantedId !== null && wantedId === staged?.manifest.id) {
    return 'the wanted Istio is staged and waits for a restart';
  }
  return 'the wanted Istio is not staged yet';
}

/** Why a lost release is not made again; null if one is staged, or is about to be staged. */
function whyNotMade({ decision, failures, wanted }: StatusInput): Required<Reason> | null {
  const notDone = ['stage', 'adopt'].flatMap((step) => decision.notDone.find((one) => one.step === step) ?? []).at(0);
  const failure = failures.find(({ step }) => !isOwnStep(step));
  if (notDone !== undefined) return { fact: notDone.reason, ...reasonOf(notDone) };
  const reason = failure?.sentence ?? (wanted.answer === 'nothing' ? wanted.reason : null);
  return reason === null ? null : { reason, fact: reason };
}

function reasonOf({ reason, fact }: Reason): Reason {
  return fact === undefined ? { reason } : { reason, fact };
}
