/** The group that the agent runs with. The package makes it, and releases of Istio exempt it from the redirect. */
import { hasCode } from './files/file-errors.ts';

export const AGENT_GROUP = 'smm-agent';

/**
 * From now on this process sends as the agent does: with root's own group a command would go through an Envoy that may
 * be down. Where the group is missing, no redirect exempts it either. Without effect for other users than root.
 */
export function sendAsAgent(): void {
  if (process.getuid?.() !== 0) return;
  try {
    process.setegid?.(AGENT_GROUP);
  } catch (error) {
    if (!hasCode(error, 'ERR_UNKNOWN_CREDENTIAL')) throw error;
  }
}
