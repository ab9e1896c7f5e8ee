/** `smm-agent hold`: this machine stays on its present Istio and its present agent, also across a reboot. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { type EditResult, editConfig, tellWhatIsLeft } from '../config/edit/edit.ts';
import { isEmergencyHeld, setEmergencyHold } from '../config/emergency-hold.ts';
import { markHold } from '../istio/activation/hold-marker.ts';
import { notifyDaemon } from './notify-daemon.ts';

export const spec = {
  name: 'hold',
  summary: 'keep this machine on its present Istio and its present agent, also across a reboot',
  forms: [''],
  description: `Sets hold: true in /etc/smm/agent.yaml. The agent then stages nothing, withdraws what is staged, starts nothing
by itself and does not upgrade itself. So neither a restart of Istio nor a reboot brings another Istio.
smm-agent unhold ends the hold.`,
  options: {},
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  return setHold(true, io);
}

/**
 * Writes `hold` and tells the daemon. An operator in an emergency must be able to hold the machine even if agent.yaml
 * has errors: the hold is then written to a file of its own, and `unhold` removes that file even if the errors are
 * still there.
 */
export async function setHold(hold: boolean, io: Io): Promise<number> {
  requireRoot(io, hold ? 'hold' : 'unhold');
  const edited = await editOrWhyNot(hold, io.paths);
  // The daemon does not take a file that lacks something either.
  const isNoted = hold && ('reason' in edited || edited.left.length > 0);
  const wasNoted = await isEmergencyHeld(io.paths);
  await setEmergencyHold(io.paths, isNoted);
  // The daemon does this too. If it does not run, only this command can tell istio-activate.
  if (hold || !('reason' in edited)) await markHold(io.paths, hold);
  if (isNoted) {
    io.stdout.write(`this machine is held now, until smm-agent unhold: written to ${io.paths.emergencyHold}\n`);
  }
  if ('reason' in edited) {
    if (!hold && !wasNoted) throw edited.reason;
    if (!hold) io.stdout.write(`the hold in ${io.paths.emergencyHold} is removed\n`);
    io.stderr.write(`smm-agent: warning: hold was not written to ${io.paths.config}: ${edited.reason.message}\n`);
  } else if (isNoted) {
    tellWhatIsLeft(edited.left, io);
  } else {
    const state = hold ? 'held' : 'not held';
    io.stdout.write(edited.changed ? `this machine is ${state} now\n` : `this machine was ${state} already\n`);
    tellWhatIsLeft(edited.left, io);
  }
  const withdraws =
    'the agent is not running: nothing is switched to meanwhile, and what is staged is withdrawn once it is started';
  await notifyDaemon(io, hold ? { down: withdraws } : {});
  return EXIT.ok;
}

async function editOrWhyNot(hold: boolean, paths: Paths): Promise<EditResult | { reason: AgentError }> {
  try {
    return await editConfig(paths, [{ path: ['hold'], value: hold }]);
  } catch (error) {
    if (error instanceof AgentError) return { reason: error };
    throw error;
  }
}
