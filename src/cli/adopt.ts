/** `smm-agent adopt`: takes over the Istio that runs here, or another configuration for it, after showing the difference. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { showTurn } from './turn-text.ts';

export const spec = {
  name: 'adopt',
  summary: 'take over the configuration of the Istio package, or the rendered one',
  forms: ['[--render | --keep] [--yes]'],
  description:
    "Without an option: takes the files of the Istio package, with the edits since they were adopted, as this machine's own\nconfiguration. With --render: puts the one rendered from the WorkloadGroup in its place. Shows the difference first, and\nchanges nothing without --yes. Istio is not touched: what differs is staged, and a restart is pending then.",
  options: {
    render: { type: 'boolean', help: 'set istio.configuration to render' },
    keep: { type: 'boolean', help: 'set istio.configuration to keep: back from --render' },
    yes: { type: 'boolean', short: 'y', help: 'do it; otherwise only the difference is shown' },
  },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  if (values.render && values.keep) {
    throw new AgentError('SMM601', 'cannot adopt with --render and --keep at once', 'choose one of them');
  }
  requireRoot(io, spec.name);
  const { adoptAgain, adoptionDifference, reconcileOrAsk } = await import('../operator/adoption.ts');
  const kind = values.render ? 'render' : values.keep ? 'keep' : 'again';
  const difference = await adoptionDifference(io.paths, kind);
  if (difference.length === 0) io.stdout.write('no difference to what the next start of Istio has already\n');
  for (const sentence of difference) io.stdout.write(`${values.yes ? 'changes' : 'would change'}  ${sentence}\n`);
  if (!values.yes) {
    if (difference.length > 0) io.stdout.write('nothing was changed: add --yes to do it\n');
    return EXIT.ok;
  }
  if (kind === 'again') await adoptAgain(io.paths);
  else await setConfiguration(kind, io);
  const { ok, text } = await reconcileOrAsk(io.paths, showTurn(io.stdout));
  io.stdout.write(`${text}\n`);
  return ok ? EXIT.ok : EXIT.failed;
}

async function setConfiguration(kind: 'render' | 'keep', io: Io): Promise<void> {
  const { run: set } = await import('./set.ts');
  await set(['istio.configuration', kind], io);
}
