/** `smm-agent report-removal`: the package runs it when it is removed. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { describeError } from '../base/errors.ts';
import { reportRemoval } from '../operator/removal.ts';

export const spec = {
  name: 'report-removal',
  summary: 'say on the WorkloadEntry that the agent is removed (the package runs this)',
  forms: [''],
  description: `The package runs this when it is removed, after the agent has stopped. Otherwise the WorkloadEntry would go on
saying that the agent is ready. If an agent is installed again, its next report replaces this one.
Istio is not touched.`,
  options: {},
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  // The removal must go on even if the report fails: one line says why.
  const problem = await reportRemoval(io.paths).catch(describeError);
  if (problem === null) return EXIT.ok;
  io.stderr.write(`smm-agent: cannot say on the WorkloadEntry that the agent is removed: ${problem}\n`);
  return EXIT.failed;
}
