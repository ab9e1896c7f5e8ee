/**
 * `smm-agent pending`: whether a restart of Istio is pending, as an exit code. Looks at the machine itself, without the
 * agent.
 */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { AgentError, describeError } from '../base/errors.ts';
import { observeHere } from '../operator/without-daemon.ts';
import { restartSummary } from '../status/describe.ts';
import type { RestartSummary } from '../status/status.ts';
import { errorText } from './error-text.ts';

export const spec = {
  name: 'pending',
  summary: 'say by the exit code whether a restart of Istio is pending',
  forms: ['[--json]'],
  description: `Compares the processes of istio.service with the staged release. The agent need not run.
Needs root, because other users cannot see the processes.
In a maintenance script: smm-agent pending && systemctl restart istio`,
  options: { json: { type: 'boolean', help: 'print {"pending": "yes", "why": [...], "since": ..., "command": ...}' } },
  exitCodes: { 0: 'a restart is pending', 1: 'no restart is pending', 2: 'unknown; the reason is printed' },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  const summary = await look(io);
  if (values.json) io.stdout.write(`${JSON.stringify(summary)}\n`);
  else if (summary.pending === 'no') io.stdout.write('no restart is pending\n');
  else if (summary.pending === 'unknown') io.stdout.write(`unknown: ${summary.why.join('; ')}\n`);
  else io.stdout.write(`pending since ${summary.since}: ${summary.why.join('; ')}\nto switch: ${summary.command}\n`);
  return { yes: EXIT.ok, no: EXIT.failed, unknown: EXIT.unknown }[summary.pending];
}

/**
 * Any error is "unknown" too: the exit code 1, which other commands give for an error, means here that no restart is
 * pending.
 */
async function look(io: Io): Promise<RestartSummary> {
  try {
    requireRoot(io, spec.name, 'other users cannot see what runs in istio.service');
    return restartSummary(await observeHere(io.paths));
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    io.stderr.write(errorText(error));
    return { pending: 'unknown', why: [describeError(error)], since: null, command: null };
  }
}
