/** The unit of the agent itself, and the guard around it. */
import { AgentError } from '../base/errors.ts';
import type { ServiceManager } from '../host/systemd/service-manager.ts';

export const AGENT_UNIT = 'smm-agent.service';
const GUARD = 'agent-guard';

/** Without the guard nothing would roll back a bad version: SMM704. */
export async function requireGuard(services: ServiceManager): Promise<void> {
  const { execStartPre, execStopPost } = await services.unit(AGENT_UNIT);
  const runs = (commands: typeof execStartPre) =>
    commands.some(({ argv }) => argv.some((word) => word.endsWith(`/${GUARD}`)));
  if (runs(execStartPre) && runs(execStopPost)) return;
  throw new AgentError(
    'SMM704',
    `cannot change the agent's version: ${AGENT_UNIT} does not run ${GUARD} before its start and after its end`,
    'remove ExecStartPre= and ExecStopPost= from your drop-in of the unit, or install the package again',
  );
}
