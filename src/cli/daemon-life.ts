/** Whether a daemon runs, and whether what status.json says is its last word. Needs no root. */

import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { type Activity, readActivity } from '../daemon/activity.ts';
import { systemdBelow } from '../host/systemd/below.ts';
import type { UnitState } from '../host/systemd/service-manager.ts';
import type { Status } from '../status/status.ts';
import { AGENT_UNIT } from '../versions/unit.ts';

export type DaemonLife =
  | { is: 'idle' }
  /** Whatever the turn is to change may have changed already. */
  | { is: 'turning'; since: string; reasons: string[] }
  /** It is there, or on its way, and its first turn is not over: the status is of another process. */
  | { is: 'starting'; version: string | null; since: string | null; words: string }
  | { is: 'down' };

/** `status` is the last one, null without one. Rejects with SMM520 when a file cannot be read. */
export async function daemonLife(paths: Paths, status: Status | null): Promise<DaemonLife> {
  const activity = await readActivity(paths);
  if (activity !== null && isAlive(activity.pid)) return lifeOf(activity, status);
  // A daemon of a version that writes no activity.
  if (status !== null && isAlive(status.agent.pid)) return { is: 'idle' };
  const unit = await agentUnit(paths);
  if (unit === null || !['activating', 'active', 'reloading'].includes(unit.activeState)) return { is: 'down' };
  const words = `systemd starts it (${unit.activeState}, ${unit.subState})`;
  return { is: 'starting', version: null, since: null, words };
}

function lifeOf({ pid, version, startedAt, turn }: Activity, status: Status | null): DaemonLife {
  if (status?.agent.pid !== pid) {
    return { is: 'starting', version, since: startedAt, words: 'its first turn is not over yet' };
  }
  return turn === null ? { is: 'idle' } : { is: 'turning', ...turn };
}

/** Without systemd nobody starts it. */
async function agentUnit(paths: Paths): Promise<UnitState | null> {
  try {
    return await systemdBelow(paths).unit(AGENT_UNIT);
  } catch (error) {
    if (error instanceof AgentError) return null;
    throw error;
  }
}

/** Signal 0 asks without sending; EPERM says that the process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
