/** The status of an agent that has not looked at its machine. Pure. */
import type { Status, StatusInput } from './status.ts';

/** The status of a daemon that cannot work until an operator corrects the configuration. */
export function misconfiguredStatus(
  agentVersion: string,
  pid: number,
  at: Date,
  reason: string,
  config: Status['config'] = null,
  warnings: string[] = [],
): Status {
  const agent = { version: agentVersion, pid, state: 'misconfigured', reason } as const;
  return { ...unseen(agent, at, null, 'the configuration has errors', 'the agent is misconfigured'), config, warnings };
}

/**
 * The status after a turn that failed as a whole: earlier facts may be out of date, so they are reported as unknown.
 */
export function failedStatus(
  about: Pick<StatusInput, 'pid' | 'workloadGroup'> & { agentVersion: string; config?: Status['config'] },
  at: Date,
  reason: string,
): Status {
  const agent = { version: about.agentVersion, pid: about.pid, state: 'failing', reason } as const;
  return { ...unseen(agent, at, about.workloadGroup, reason, reason), config: about.config ?? null };
}

function unseen(
  agent: Status['agent'],
  at: Date,
  workloadGroup: Status['workloadGroup'],
  why: string,
  whyUnknown: string,
): Status {
  return {
    format: 1,
    at: at.toISOString(),
    agent,
    workloadGroup,
    config: null,
    target: { answer: 'not-asked', revision: null, istioVersion: null, reason: null },
    istio: {
      unit: null,
      running: null,
      runningReason: `not looked at: ${why}`,
      active: null,
      staged: null,
      wantedId: null,
      stopped: null,
    },
    restart: { pending: 'unknown', why: [whyUnknown], since: null, command: null },
    upgrade: null,
    notDone: [],
    warnings: [],
    nextPoll: null,
  };
}
