/** `smm-agent report-removal`: run by the package when it goes. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { describeError } from '../base/errors.ts';

export const spec = {
  name: 'report-removal',
  summary: 'say on the WorkloadEntry that the agent is removed (the package does it)',
  forms: [''],
  description:
    'Run by the package when it is removed, once the agent has ended: else the WorkloadEntry would go on saying that it is ready. The next\nreport of an agent that is installed again takes its place. Istio is not touched.',
  options: {},
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  const { reportRemoval } = await import('../operator/farewell.ts');
  // Nobody is there to mend it: one line, and the removal goes on.
  const problem = await reportRemoval(io.paths).catch(describeError);
  if (problem === null) return EXIT.ok;
  io.stderr.write(`smm-agent: the WorkloadEntry was not told that the agent is removed: ${problem}\n`);
  return EXIT.failed;
}
