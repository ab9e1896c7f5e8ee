/** `smm-agent restart-istio`: an operator's explicit wish. The only command that restarts Istio. */
import { AgentError } from '../errors.ts';
import { type CommandSpec, parseArguments } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import { type Io, requireRoot } from './io.ts';

export const spec = {
  name: 'restart-istio',
  summary: 'restart Istio now, into what is staged; its connections are dropped',
  forms: ['[--if-pending]'],
  description:
    'The same as systemctl restart istio, and it waits until Istio runs again and says which release came up.\nThere is no hot restart of Istio on a virtual machine: open connections are dropped.',
  options: { 'if-pending': { type: 'boolean', help: 'do nothing unless a restart is pending' } },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  const { observeHere, servicesHere } = await import('../agent/here.ts');
  if (values['if-pending']) {
    const { pending } = await observeHere(io.paths);
    if (pending.answer === 'unknown') {
      throw new AgentError(
        'SMM605',
        `cannot tell whether a restart is pending: ${pending.reason}`,
        'see smm-agent status',
      );
    }
    if (pending.answer === 'no') {
      io.stdout.write('no restart is pending: nothing done\n');
      return EXIT.ok;
    }
  }
  await servicesHere(io.paths).restart('istio.service');
  const { running } = await observeHere(io.paths);
  const what =
    running.answer === 'release'
      ? `release ${running.id} runs`
      : 'Istio is coming up; smm-agent status tells when it runs';
  io.stdout.write(`istio.service was restarted: ${what}\n`);
  return EXIT.ok;
}
