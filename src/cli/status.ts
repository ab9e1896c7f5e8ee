/** `smm-agent status`: the last Status that the agent wrote, and whether the agent is alive. */
import type { Status } from '../agent/status.ts';
import { readStatus } from '../agent/status-file.ts';
import { AgentError } from '../errors.ts';
import { type CommandSpec, parseArguments } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import type { Io } from './io.ts';
import { statusText } from './status-text.ts';

export const spec = {
  name: 'status',
  summary: 'show what runs, what is staged, what is wanted, and why nothing happens',
  forms: ['[--json]'],
  description:
    'Prints what the agent found at its last turn. Asks nobody, and needs no root: it also works while the control plane is away.',
  options: { json: { type: 'boolean', help: 'print the whole status as JSON, as in /run/smm-agent/status.json' } },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  const status = await lastStatus(io);
  io.stdout.write(values.json ? `${JSON.stringify(status, null, 2)}\n` : statusText(status, isAlive(status.agent.pid)));
  return EXIT.ok;
}

/** Rejects with SMM603 when there is none. */
export async function lastStatus(io: Io): Promise<Status> {
  const status = await readStatus(io.paths);
  if (status !== null) return status;
  const remedy = 'run systemctl start smm-agent, or smm-agent reconcile';
  throw new AgentError('SMM603', 'cannot show a status: the agent has not run since this machine was booted', remedy);
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
