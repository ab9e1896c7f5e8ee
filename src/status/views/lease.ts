/** The view of the Status in the machine's Lease: versions, for lists of a whole fleet. Pure. */
import type { Versions } from '../../control-plane/report/lease-object.ts';
import type { Status } from '../status.ts';

export function leaseVersions({ agent, upgrade, istio, target, restart }: Status): Versions {
  return {
    agent: agent.version,
    agentWanted: upgrade?.wanted ?? null,
    heldBy: upgrade?.heldBy ?? null,
    istioRunning: istio.running?.istioVersion ?? null,
    istioStaged: istio.staged?.istioVersion ?? null,
    istioWanted: target.istioVersion,
    restartPending: restart.pending,
  };
}
