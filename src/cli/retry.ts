/** `smm-agent retry`: forgets failed tries and what was rejected, and tries again at once. */
import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { makeTurn } from './reconcile.ts';

export const spec = {
  name: 'retry',
  summary: 'forget failed tries, rejected releases and versions, and try again now',
  forms: [''],
  description:
    'Forgets what failed and makes a turn. A release of Istio or a version of the agent that was put back, or a download that failed, is\notherwise not tried again before a time that smm-agent status names; a version that smm-agent rollback has left, never by itself.',
  options: {},
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  const { forgetFailures } = await import('../operator/without-daemon.ts');
  const forgotten = await forgetFailures(io.paths);
  io.stdout.write(
    forgotten.length === 0 ? 'nothing had failed\n' : forgotten.map((what) => `forgot: ${what}\n`).join(''),
  );
  return makeTurn(io);
}
