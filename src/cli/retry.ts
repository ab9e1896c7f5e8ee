/** `smm-agent retry`: forgets failed tries and rejected releases, and tries again at once. */
import { type CommandSpec, parseArguments } from './arguments.ts';
import { type Io, requireRoot } from './io.ts';
import { makeTurn } from './reconcile.ts';

export const spec = {
  name: 'retry',
  summary: 'forget failed tries and rejected releases, and try again now',
  forms: [''],
  description:
    'Forgets what failed and makes a turn. A release that was put back, or a download that failed, is otherwise not tried again\nbefore a time that smm-agent status names.',
  options: {},
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  const { forgetFailures } = await import('../agent/here.ts');
  const forgotten = await forgetFailures(io.paths);
  io.stdout.write(
    forgotten.length === 0 ? 'nothing had failed\n' : forgotten.map((what) => `forgot: ${what}\n`).join(''),
  );
  return makeTurn(io);
}
