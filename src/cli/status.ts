/** `smm-agent status`: the last Status that the agent wrote, whether the agent runs, and what has changed since. */

import { type CommandSpec, parseArguments, usageError } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import type { Io } from '../base/cli/io.ts';
import { AgentError, isAgentError } from '../base/errors.ts';
import { type Clock, systemClock } from '../host/clock.ts';
import { configChange } from '../observation/settings.ts';
import { readStatus } from '../status/file.ts';
import type { Status } from '../status/status.ts';
import { type DaemonLife, daemonLife } from './daemon-life.ts';
import { statusText } from './status-text.ts';

export const spec = {
  name: 'status',
  summary: 'show what runs, what is staged, what is wanted, and why nothing happens',
  forms: ['[--json | --watch]'],
  description: `Prints what the agent found at its last turn, and whether another turn is under way.
Does not ask the control plane, and needs no root.`,
  options: {
    json: { type: 'boolean', help: 'print the whole status as JSON, as in /run/smm-agent/status.json' },
    watch: { type: 'boolean', short: 'w', help: 'print the status again at each change, until Ctrl-C' },
  },
  exitCodes: { [EXIT.misconfigured]: 'the agent is misconfigured; the status says why' },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  if (values.watch && values.json) throw usageError(spec, 'cannot use --json and --watch at once');
  if (values.watch) {
    const ended = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
    await watchStatus(io, systemClock, ended.signal);
    return EXIT.ok;
  }
  const { status, text } = await look(io);
  io.stdout.write(values.json ? `${JSON.stringify(status, null, 2)}\n` : text);
  return status.agent.state === 'misconfigured' ? EXIT.misconfigured : EXIT.ok;
}

const BETWEEN_MS = 1_000;

/** Prints each change until `signal` is aborted; a terminal is cleared before each output. */
export async function watchStatus(io: Io, clock: Clock, signal: AbortSignal): Promise<void> {
  let shown = '';
  while (!signal.aborted) {
    const text = await look(io).then(
      (found) => found.text,
      (error: unknown) => {
        // While a machine boots, there is no status for a moment.
        if (isAgentError(error, 'SMM603')) return `${error.message}\n`;
        throw error;
      },
    );
    if (text !== shown)
      io.stdout.write(io.stdout.isTTY ? `\x1b[H\x1b[2J${text}` : `${shown === '' ? '' : '\n'}${text}`);
    shown = text;
    await clock.sleep(BETWEEN_MS, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

/** Rejects with SMM603 when there is no status. */
async function look({ paths }: Io): Promise<{ status: Status; text: string }> {
  const status = await readStatus(paths);
  const life = await daemonLife(paths, status);
  if (status === null) throw noStatus(life);
  const change = await changeSince(status, life);
  const warnings = change === null ? status.warnings : [...status.warnings, change];
  return { status, text: statusText({ ...status, warnings }, life) };
}

/**
 * How the file differs from the configuration in effect; null if the daemon is reading the file, or has said so itself.
 */
async function changeSince({ config, warnings }: Status, life: DaemonLife): Promise<string | null> {
  const isReading = life.is === 'starting' || (life.is === 'turning' && life.reasons.includes('reload'));
  // Without a daemon the file is read at the next start; the status of an older version has no `config`.
  if (config == null || isReading || life.is === 'down') return null;
  const change = await configChange(config);
  return change === null || warnings.includes(change) ? null : change;
}

function noStatus(life: DaemonLife): AgentError {
  if (life.is === 'starting') {
    return new AgentError(
      'SMM603',
      `cannot show a status yet: the agent is starting: ${life.words}`,
      'try again in a moment',
    );
  }
  const remedy = 'run systemctl start smm-agent, or smm-agent reconcile';
  return new AgentError('SMM603', 'cannot show a status: the agent has not run since this machine was booted', remedy);
}
