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
that failed. After smm-agent rollback the version is tried again only when you run smm-agent retry, or after the
control plane has asked for another version.`,
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
