/** `smm-agent hold`: this machine stays on the Istio and on the agent that it has, also across a reboot. */
import { type CommandSpec, parseArguments } from './arguments.ts';
import { editConfig, tellWhatIsLeft } from './config-edit.ts';
import { EXIT } from './exit-codes.ts';
import { type Io, requireRoot } from './io.ts';
import { notifyDaemon } from './notify-daemon.ts';

export const spec = {
  name: 'hold',
  summary: 'keep this machine on the Istio and the agent that it has, also across a reboot',
  forms: [''],
  description: `Sets hold: true in /etc/smm/agent.yaml. The agent then stages nothing, withdraws what is staged, starts nothing by itself and
becomes no other version of itself, so that neither a restart of Istio nor a reboot brings another Istio. smm-agent unhold ends it.`,
  options: {},
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  return setHold(true, io);
}

/** Writes `hold` and tells the daemon. */
export async function setHold(hold: boolean, io: Io): Promise<number> {
  requireRoot(io, hold ? 'hold' : 'unhold');
  const { changed, left } = await editConfig(io.paths, [{ path: ['hold'], value: hold }]);
  // The daemon does this too; where it is dead, nobody else would tell istio-activate.
  const { writeHold } = await import('../agent/rules.ts');
  await writeHold(io.paths, hold);
  const state = hold ? 'held' : 'not held';
  io.stdout.write(changed ? `this machine is ${state} now\n` : `this machine was ${state} already\n`);
  tellWhatIsLeft(left, io);
  await notifyDaemon(io);
  return EXIT.ok;
}
