/** `smm-agent rollback`: back to the version of the agent before this one. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { systemClock } from '../host/clock.ts';

export const spec = {
  name: 'rollback',
  summary: 'go back to the version of the agent before this one',
  forms: [''],
  description: `Switches to the version that ran before, after it has checked itself, and restarts the agent. Istio is not touched. The version that
is left is not taken again before the control plane has asked for another one, or smm-agent retry is run.
On a version that is still on probation it ends the probation. For Istio: let the control plane, or the namespace, ask for another one.`,
  options: {},
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  const { rollback } = await import('../versions/rollback.ts');
  const { servicesHere } = await import('../operator/without-daemon.ts');
  const { paths } = io;
  const { from, to, knowsProbation } = await rollback({ paths, clock: systemClock, services: servicesHere(paths) });
  io.stdout.write(
    `the agent restarts as smm-agent ${to}; ${from} is not taken again before another one is wanted, or smm-agent retry\n`,
  );
  if (!knowsProbation) {
    io.stdout.write(`smm-agent ${to} knows no self-check and no probation: look whether it works (smm-agent status)\n`);
  }
  return EXIT.ok;
}
