/** Whether istio.service runs the active release: the agent is not ready until it has seen that. Pure. */
import type { Observation } from '../observation/observation.ts';
import type { AgentState } from './status.ts';

const AGAIN = 'run systemctl restart istio';

/** Null if the active release runs. A stopped Istio is `waiting` and not `failing`: an operator has stopped it. */
export function whyNotRun({ active, running, unit, stop }: Observation): AgentState | null {
  if (active === null) return null;
  switch (running.answer) {
    case 'release': {
      if (running.id === active.manifest.id) return null;
      return failing(`release ${running.id} runs, and not the active release ${active.manifest.id}: ${AGAIN}`);
    }
    case 'package':
      return failing(`Istio runs from its package's own files, and not from the active release: ${AGAIN}`);
    case 'unknown':
      return failing(`cannot tell what runs in istio.service: ${running.reason}; ${AGAIN}`);
    case 'nothing':
      return nothingRuns(unit, stop);
  }
}

function nothingRuns(unit: Observation['unit'], stop: Observation['stop']): AgentState {
  const { activeState, subState, result } = unit;
  if (activeState === 'failed') {
    return failing(
      `istio.service has failed (${result}): journalctl -u istio shows why; correct the cause, then ${AGAIN}`,
    );
  }
  const exitsAgain = 'istio.service exits at each start: journalctl -u istio shows why';
  if (subState === 'auto-restart' && result !== 'success') return failing(`${exitsAgain} (${result})`, exitsAgain);
  // In the middle of the next start, the same fact.
  if (activeState !== 'inactive' && stop?.kind === 'own-end') return failing(exitsAgain);
  if (activeState === 'inactive') {
    return { state: 'waiting', reason: `Istio is stopped${stop === null ? '' : ` by ${stop.words}`}` };
  }
  const reason = `istio.service is ${activeState}, and Envoy does not run yet`;
  // A restart of Istio passes through several of these states: `fact` makes one journal line of them.
  return { state: 'waiting', reason, fact: 'Envoy does not run yet' };
}

function failing(reason: string, fact = reason): AgentState {
  return { state: 'failing', reason, fact };
}
