/** `smm-agent unhold`: the end of `smm-agent hold`. */
import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import type { Io } from '../base/cli/io.ts';
import { setHold } from './hold.ts';

export const spec = {
  name: 'unhold',
  summary: 'let this machine follow its control plane again',
  forms: [''],
  description: 'Sets hold: false in /etc/smm/agent.yaml. The next poll stages what the control plane wants.',
  options: {},
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  return setHold(false, io);
}
