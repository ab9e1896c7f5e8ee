/** The view of the Status for `systemctl status smm-agent`: one line. Pure. */
import type { Status } from '../status.ts';

/** systemd shows one line, so a long reason is cut. */
const STATUS_CHARS = 300;

export function statusLine({ agent, restart, istio, target, config }: Status): string {
  const own = agent.state === 'ready' ? agent.state : `${agent.state}: ${agent.reason}`;
  const refused = config?.refused
    ? `agent.yaml has errors, and the previous configuration stays in effect: ${config.refused.problem}; `
    : '';
  const state = `${refused}${own}`.slice(0, STATUS_CHARS);
  // The turn did not look at Istio.
  if (target.answer === 'not-asked') return state;
  const istioPart =
    istio.running === null ? (istio.runningReason ?? 'no Istio') : `Istio ${istio.running.istioVersion}`;
  const pendingPart = restart.pending === 'no' ? 'no restart pending' : `restart pending: ${restart.pending}`;
  return `${state}; ${istioPart}; ${pendingPart}`;
}
