/** The last word of an agent that is removed: else its entry would go on saying that it is ready, for ever. */

import type { Paths } from '../base/paths.ts';
import { AGENT_VERSION } from '../base/version.ts';
import type { EntryReport } from '../control-plane/report/entry-report.ts';
import { configHere, controlPlaneHere, observeHere } from './without-daemon.ts';

/** On the entry once nobody reports any more. Pure. */
function removedReport(version: string): EntryReport {
  const message = `smm-agent ${version} was removed from this machine: nobody stages Istio here or reports any more`;
  return {
    pending: { status: 'Unknown', reason: 'AgentRemoved', message },
    agent: { status: 'False', reason: 'Removed', message },
    messages: [],
  };
}

/**
 * Says that on the machine's entry, with the configuration that is still there. Resolves with what kept that from being said, null when it
 * was. The daemon must have ended, or its next report would say otherwise. Rejects with SMM1xx when the configuration has errors.
 */
export async function reportRemoval(paths: Paths): Promise<string | null> {
  const config = await configHere(paths);
  const { identity } = await observeHere(paths);
  const controlPlane = await controlPlaneHere(paths, config);
  try {
    return await controlPlane.publishLast(removedReport(AGENT_VERSION), identity);
  } finally {
    controlPlane.close();
  }
}
