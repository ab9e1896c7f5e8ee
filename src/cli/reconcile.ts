/** `smm-agent reconcile`: one turn, now. Beside a running daemon it asks that one, and shows what it does. */
import { ask } from '../agent/socket.ts';
import { type CommandSpec, parseArguments } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import { type Io, requireRoot } from './io.ts';
import { showTurn } from './turn-text.ts';

export const spec = {
  name: 'reconcile',
  summary: 'one turn, now: asks the control plane, stages what is wanted, reports',
  forms: ['[--dry-run]'],
  description:
    "Never restarts Istio. With a running daemon the turn is the daemon's; otherwise this command makes it itself.",
  options: { 'dry-run': { type: 'boolean', help: 'show the plan with its reasons, and change nothing' } },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  if (values['dry-run']) {
    const { explainPlan } = await import('./plan-text.ts');
    const { planHere } = await import('../agent/here.ts');
    io.stdout.write(explainPlan(await planHere(io.paths)));
    return EXIT.ok;
  }
  requireRoot(io, 'reconcile');
  const show = showTurn(io.stdout);
  const answer = await ask(io.paths.socket, { do: 'reconcile' }, show);
  if (answer !== null) {
    io.stdout.write(`${answer.text}\n`);
    return answer.ok ? EXIT.ok : EXIT.failed;
  }
  const { reconcileHere } = await import('../agent/here.ts');
  const status = await reconcileHere(io.paths, show);
  io.stdout.write(`${status.agent.state}: ${status.agent.reason}\n`);
  return status.agent.state === 'failing' ? EXIT.failed : EXIT.ok;
}
