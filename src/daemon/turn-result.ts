/** What a command is told of a turn: whether what is wanted here is done, in the words of the agent's state. Pure. */

import type { Status } from '../status/status.ts';
import type { End } from './socket/protocol.ts';

/**
 * Done is what is active or staged, and what an operator has said is not to be done. A machine that waits, is blocked, or is refused
 * what is wanted has not done it, whatever the reason: a script that asked for a turn must not go on as if it had.
 */
export function turnResult({ agent, istio, target }: Pick<Status, 'agent' | 'istio' | 'target'>): End {
  const { state } = agent;
  const about = { state, text: `${state}: ${agent.reason}` };
  switch (state) {
    case 'ready':
      return { ok: true, ...about };
    case 'held':
      return { ok: target.answer !== 'wanted' || istio.wantedId === (istio.active?.id ?? null), ...about };
    case 'waiting':
      // For Istio to come up, or to be started: that is nothing for a turn to do.
      return { ok: istio.wantedId !== null && istio.wantedId === (istio.staged ?? istio.active)?.id, ...about };
    case 'blocked':
    case 'failing':
    case 'rejected':
    case 'misconfigured':
      return { ok: false, ...about };
  }
}
