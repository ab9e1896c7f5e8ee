/**
 * The last report of an agent that is removed: otherwise its WorkloadEntry would say for ever that the agent is ready.
 */

import type { Paths } from '../base/paths.ts';
import { AGENT_VERSION } from '../base/version.ts';
import type { EntryReport } from '../control-plane/report/entry-report.ts';
import type { Versions } from '../control-plane/report/lease-object.ts';
import { configHere, controlPlaneHere, observeHere } from './without-daemon.ts';

/** The conditions of a WorkloadEntry after the removal. Pure. */
function removedReport(version: string): EntryReport {
  const message = `smm-agent ${version} was removed from this machine: nothing is staged or reported here any more`;
  return {
    pending: { status: 'Unknown', reason: 'AgentRemoved', message },
    agent: { status: 'False', reason: 'Removed', message },
    messages: [],
  };
}

/** The versions on the Lease after the removal: lists of a fleet must not show a restart as pending for ever. Pure. */
function removedVersions(agent: string): Versions {
  const unknown = { agentWanted: null, heldBy: null, istioRunning: null, istioStaged: null, istioWanted: null };
  return { agent, ...unknown, restartPending: 'unknown' };
}

/**
 * Writes the last report to the machine's WorkloadEntry and Lease. Needs the configuration, so run it before that is
 * deleted. Resolves with the reason if the report was not written, otherwise with null. The daemon must have stopped,
 * or its next report would overwrite this one. Rejects with SMM1xx when the configuration has errors.
 */
export async function reportRemoval(paths: Paths): Promise<string | null> {
  const config = await configHere(paths);
  const { identity } = await observeHere(paths);
  const controlPlane = await controlPlaneHere(paths, config);
  try {
    return await controlPlane.publishLast(removedReport(AGENT_VERSION), removedVersions(AGENT_VERSION), identity);
  } finally {
    controlPlane.close();
  }
}
