/** `smm-agent retry`: forgets failed tries and rejected releases, and tries again at once. */
import { ask } from '../agent/socket.ts';
import { type CommandSpec, parseArguments } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import { type Io, requireRoot } from './io.ts';
import { showTurn } from './turn-text.ts';

export const spec = {
  name: 'retry',
  summary: 'forget failed tries and rejected releases, and try again now',
  forms: [''],
  description:
    'A release that was put back, or a download that failed, is otherwise not tried again before a time that status names.',
  options: {},
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  const { forgetFailures, reconcileHere } = await import('../agent/here.ts');
  const forgotten = await forgetFailures(io.paths);
  io.stdout.write(
    forgotten.length === 0 ? 'nothing had failed\n' : forgotten.map((what) => `forgot: ${what}\n`).join(''),
  );
  const show = showTurn(io.stdout);
  const answer = await ask(io.paths.socket, { do: 'reconcile' }, show);
  if (answer === null) await reconcileHere(io.paths, show);
  return answer === null || answer.ok ? EXIT.ok : EXIT.failed;
}
