/** `smm-agent run`: the daemon. smm-agent.service starts it. */
import { type CommandSpec, parseArguments } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import { type Io, requireRoot } from './io.ts';

export const spec = {
  name: 'run',
  summary: 'the daemon: polls the control plane, stages, reports (smm-agent.service runs this)',
  forms: [''],
  description: 'SIGHUP reads the configuration again, SIGTERM ends it within seconds. One instance for each machine.',
  options: {},
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  const { runHere } = await import('../agent/run.ts');
  await runHere(io.paths, io.env);
  return EXIT.ok;
}
