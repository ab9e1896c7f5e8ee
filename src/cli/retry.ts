/** `smm-agent retry`: forgets failed tries and rejections, and tries again at once. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { forgetFailures } from '../operator/without-daemon.ts';
import { makeTurn } from './reconcile.ts';

export const spec = {
  name: 'retry',
  summary: 'forget failed tries, rejected releases and rejected versions, and try again now',
  forms: [''],
  description: `Forgets all failures and makes a turn. Without this command the agent waits before it tries again: smm-agent status
shows until when. This is so for a release of Istio or a version of the agent that was rolled back, and for a download
that failed. A version that an operator left with smm-agent rollback is never tried again without this command,
unless the control plane has asked for another version in between.`,
  options: {},
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  const forgotten = await forgetFailures(io.paths);
  io.stdout.write(
    forgotten.length === 0 ? 'nothing had failed\n' : forgotten.map((what) => `forgot: ${what}\n`).join(''),
  );
  return makeTurn(io);
}
