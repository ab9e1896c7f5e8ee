/** `smm-agent rollback`: goes back to the previous version of the agent. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { systemClock } from '../host/clock.ts';
import { servicesHere } from '../operator/without-daemon.ts';
import { rollback } from '../versions/rollback.ts';

export const spec = {
  name: 'rollback',
  summary: 'go back to the previous version of the agent',
  forms: [''],
  description: `Has the previous version check itself, switches to it, and restarts the agent. Istio is not touched.
The present version is not installed again until the control plane asks for another version, or you run
smm-agent retry. If the present version is on probation, the probation ends.
To roll back Istio: let the control plane, or the namespace, ask for another version.`,
  options: {},
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  const { paths } = io;
  const { from, to, knowsProbation } = await rollback({ paths, clock: systemClock, services: servicesHere(paths) });
  io.stdout.write(
    `the agent restarts as smm-agent ${to}; ${from} will not be installed again until the control plane asks for another ` +
      'version or you run smm-agent retry\n',
  );
  if (!knowsProbation) {
    io.stdout.write(`smm-agent ${to} has no self-check and no probation: check with smm-agent status that it works\n`);
  }
  return EXIT.ok;
}
