/** Whether istio.service runs the release that is active: the agent is not ready before that was seen. Pure. */
import type { Observation } from '../observation/observation.ts';
import type { AgentState } from './status.ts';

const AGAIN = 'run systemctl restart istio';

/** null where the active release runs. A stopped Istio is waited for: that is somebody's wish. */
export function whyNotRun({ active, running, unit, stop }: Observation): AgentState | null {
  if (active === null) return null;
  switch (running.answer) {
    case 'release': {
      if (running.id === active.manifest.id) return null;
      return failing(`release ${running.id} runs, and not ${active.manifest.id}, which is active: ${AGAIN}`);
    }
    case 'package':
      return failing(`Istio runs from its package's own files, and not from the release that is active: ${AGAIN}`);
    case 'unknown':
      return failing(`what runs in istio.service cannot be told: ${running.reason}; ${AGAIN}`);
    case 'nothing':
      return nothingRuns(unit, stop);
  }
}

function nothingRuns(unit: Observation['unit'], stop: Observation['stop']): AgentState {
  const { activeState, subState, result } = unit;
  if (activeState === 'failed') {
    return failing(`istio.service has failed (${result}): journalctl -u istio says why; ${AGAIN} once that is mended`);
  }
  const endsAgain = 'istio.service ends at its start and is started again: journalctl -u istio says why';
  if (subState === 'auto-restart' && result !== 'success') return failing(`${endsAgain} (${result})`, endsAgain);
  // In the middle of the next start, the same fact.
  if (activeState !== 'inactive' && stop?.kind === 'own-end') return failing(endsAgain);
  if (activeState === 'inactive') {
    return { state: 'waiting', reason: `Istio is stopped${stop === null ? '' : ` by ${stop.words}`}` };
  }
  const reason = `istio.service is ${activeState}, and Envoy does not run yet`;
  // Every restart of Istio goes through several of these states.
  return { state: 'waiting', reason, fact: 'Envoy does not run yet' };
}

function failing(reason: string, fact = reason): AgentState {
  return { state: 'failing', reason, fact };
}
