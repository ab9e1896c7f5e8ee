/**
 * The answer to a command that asked for a turn: whether the machine has what is wanted, and the agent's state. Pure.
 */

import type { Status } from '../status/status.ts';
import type { End } from './socket/protocol.ts';

/**
 * `ok` if the wanted release is active or staged. Not `ok` if the machine waits, is blocked, refuses what is wanted, or
 * is held on another release: a script that asked for a turn must not go on as if the release were there. A held
 * machine without a target is `ok`.
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
      // `ok` if the agent only waits until Istio starts: a turn can do nothing about that.
      return { ok: istio.wantedId !== null && istio.wantedId === (istio.staged ?? istio.active)?.id, ...about };
    case 'blocked':
    case 'failing':
    case 'rejected':
    case 'misconfigured':
      return { ok: false, ...about };
  }
}
