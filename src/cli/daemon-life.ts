/** Whether a daemon runs, and whether status.json is up to date. Needs no root. */

import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { type Activity, readActivity } from '../daemon/activity.ts';
import { systemdBelow } from '../host/systemd/below.ts';
import type { UnitState } from '../host/systemd/service-manager.ts';
import type { Status } from '../status/status.ts';
import { AGENT_UNIT } from '../versions/unit.ts';

export type DaemonLife =
  | { is: 'idle' }
  /** A turn is under way: the machine may differ from the status already. */
  | { is: 'turning'; since: string; reasons: string[] }
  /**
   * The daemon runs, or systemd is starting it, and its first turn is not over: the status is of an earlier process.
   */
  | { is: 'starting'; version: string | null; since: string | null; words: string }
  | { is: 'down' };

/** `status` is the last status, or null if there is none. Rejects with SMM520 when a file cannot be read. */
export async function daemonLife(paths: Paths, status: Status | null): Promise<DaemonLife> {
  const activity = await readActivity(paths);
  if (activity !== null && isAlive(activity.pid)) return lifeOf(activity, status);
  // An older version of the daemon does not write activity.json.
  if (status !== null && isAlive(status.agent.pid)) return { is: 'idle' };
  const unit = await agentUnit(paths);
  if (unit === null || !['activating', 'active', 'reloading'].includes(unit.activeState)) return { is: 'down' };
  const words = `systemd is starting it (${unit.activeState}, ${unit.subState})`;
  return { is: 'starting', version: null, since: null, words };
}

function lifeOf({ pid, version, startedAt, turn }: Activity, status: Status | null): DaemonLife {
  if (status?.agent.pid !== pid) {
    return { is: 'starting', version, since: startedAt, words: 'its first turn is not over yet' };
  }
  return turn === null ? { is: 'idle' } : { is: 'turning', ...turn };
}

/** Null if systemd does not answer: then systemd is not starting the agent either. */
async function agentUnit(paths: Paths): Promise<UnitState | null> {
  try {
    return await systemdBelow(paths).unit(AGENT_UNIT);
  } catch (error) {
    if (error instanceof AgentError) return null;
    throw error;
  }
}

/** Signal 0 checks the process without sending a signal; EPERM means that the process exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
