/** `smm-agent run`: the daemon. smm-agent.service runs this command. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { runHere } from '../daemon/run.ts';

export const spec = {
  name: 'run',
  summary: 'run as the daemon: poll, stage, report (smm-agent.service does this)',
  forms: [''],
  description: `Runs until SIGTERM, which ends it within 5 s at any time. On SIGHUP it reads its configuration again.
Only one daemon runs on a machine: the service replaces a daemon that an operator started by hand.`,
  options: {},
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  await runHere(io.paths, io.env);
  return EXIT.ok;
}
