/**
 * `smm-agent adopt`: shows the difference of another configuration of Istio, and with --yes takes that configuration.
 */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { adoptAgain, adoptionDifference, reconcileOrAsk } from '../operator/adoption.ts';
import { run as set } from './set.ts';
import { showTurn } from './turn-text.ts';

export const spec = {
  name: 'adopt',
  summary: 'take over the configuration of the Istio package, or the rendered one',
  forms: ['[--render | --keep] [--yes]'],
  description: `Without an option: takes the files of the Istio package, with all edits since the adoption, as this machine's own
configuration. With --render: takes the configuration that is rendered from the WorkloadGroup instead.
Shows the difference first, and changes nothing without --yes. The running Istio is not touched: a changed
configuration is staged, and then a restart is pending.`,
  options: {
    render: { type: 'boolean', help: 'set istio.configuration to render' },
    keep: { type: 'boolean', help: 'set istio.configuration to keep: undoes --render' },
    yes: { type: 'boolean', short: 'y', help: 'make the change; without it only the difference is shown' },
  },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  if (values.render && values.keep) {
    throw new AgentError('SMM601', 'cannot adopt with --render and --keep at once', 'choose one of them');
  }
  requireRoot(io, spec.name);
  const kind = values.render ? 'render' : values.keep ? 'keep' : 'again';
  const difference = await adoptionDifference(io.paths, kind);
  if (difference.length === 0) io.stdout.write('no difference to the configuration of the next start of Istio\n');
  for (const sentence of difference) io.stdout.write(`${values.yes ? 'changes' : 'would change'}  ${sentence}\n`);
  if (!values.yes) {
    if (difference.length > 0) io.stdout.write('nothing was changed: add --yes to make the change\n');
    return EXIT.ok;
  }
  if (kind === 'again') await adoptAgain(io.paths);
  else await setConfiguration(kind, io);
  const { ok, text } = await reconcileOrAsk(io.paths, showTurn(io.stdout));
  io.stdout.write(`${text}\n`);
  return ok ? EXIT.ok : EXIT.failed;
}

async function setConfiguration(kind: 'render' | 'keep', io: Io): Promise<void> {
  await set(['istio.configuration', kind], io);
}
