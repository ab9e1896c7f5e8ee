/**
 * `smm-agent self-check`: whether this version works on this machine. It is run before this version replaces another
 * one.
 */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { describeError } from '../base/errors.ts';
import { AGENT_VERSION } from '../base/version.ts';
import { checksHere } from '../operator/self-check.ts';
import type { SelfCheckAnswer } from '../versions/self-check.ts';

export const spec = {
  name: 'self-check',
  summary: 'check whether this version of the agent works on this machine',
  forms: ['[--control-plane] [--json]'],
  description: `Reads the configuration and the state, and looks at the machine, as the daemon does. Changes nothing.
The agent runs the self-check of a new version before it switches to it. When 50 s have passed without a confirmation
of the new version, a script runs the self-check of both versions and compares the results.`,
  options: {
    'control-plane': { type: 'boolean', help: 'also ask the control plane; any response passes' },
    json: { type: 'boolean', help: 'print {"format": 1, "version": ..., "checks": [{"name", "ok", "said"}]}' },
  },
  exitCodes: { 0: 'all checks pass', 1: 'a check fails; the output names it' },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name, 'the command reads the token and looks at processes');
  const checks: SelfCheckAnswer['checks'] = [];
  for (const { name, check } of checksHere(io.paths, values['control-plane'] === true)) {
    try {
      checks.push({ name, ok: true, said: await check() });
    } catch (error) {
      checks.push({ name, ok: false, said: describeError(error) });
    }
  }
  const answer: SelfCheckAnswer = { format: 1, version: AGENT_VERSION, checks };
  if (values.json) io.stdout.write(`${JSON.stringify(answer)}\n`);
  else for (const { name, ok, said } of checks) io.stdout.write(`${ok ? '✓' : '✗'} ${name}: ${said}\n`);
  return checks.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
}
