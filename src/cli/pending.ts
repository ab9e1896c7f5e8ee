/** `smm-agent pending`: whether a restart of Istio is pending, as an exit code. Looks at the machine itself, now. */
import { restartSummary } from '../agent/status.ts';
import { type CommandSpec, parseArguments } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import type { Io } from './io.ts';

export const spec = {
  name: 'pending',
  summary: 'whether a restart of Istio is pending (exit code 0, 1 or 2)',
  forms: ['[--json]'],
  description:
    'Compares what runs in istio.service with what is staged, now: also while the agent is down.\nUse it in a maintenance script: smm-agent pending && systemctl restart istio',
  options: { json: { type: 'boolean', help: 'as JSON' } },
  exitCodes: { 0: 'a restart is pending', 1: 'no restart is pending', 2: 'that cannot be told' },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  const { observeHere } = await import('../agent/here.ts');
  const { pending } = await observeHere(io.paths);
  const summary = restartSummary(pending);
  if (values.json) io.stdout.write(`${JSON.stringify(summary)}\n`);
  else if (summary.pending === 'no') io.stdout.write('no restart is pending\n');
  else if (summary.pending === 'unknown') io.stdout.write(`unknown: ${summary.why.join('; ')}\n`);
  else io.stdout.write(`pending since ${summary.since}: ${summary.why.join('; ')}\nto switch: ${summary.command}\n`);
  return { yes: EXIT.ok, no: EXIT.failed, unknown: EXIT.unknown }[summary.pending];
}
