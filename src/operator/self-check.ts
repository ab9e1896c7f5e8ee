/** What a version of the agent needs to work on this machine, tried without changing anything. */
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { Attempts } from '../decision/attempts.ts';
import { readHistory } from '../history/history.ts';
import { systemClock } from '../host/clock.ts';
import { readMachineId } from '../turn/agent.ts';
import { KubernetesControlPlane } from '../turn/kubernetes-control-plane.ts';
import { requireReadableState } from '../versions/state/format.ts';
import { configHere, observeHere } from './without-daemon.ts';

export interface Check {
  name: string;
  /** Resolves with what is so; rejects with what is wrong. */
  check(): Promise<string>;
}

/** `withControlPlane`: any answer of it counts, whatever it says. */
export function checksHere(paths: Paths, withControlPlane: boolean): Check[] {
  return [
    { name: 'configuration', check: () => configuration(paths) },
    { name: 'state', check: () => state(paths) },
    { name: 'machine', check: () => machine(paths) },
    ...(withControlPlane ? [{ name: 'control plane', check: () => controlPlane(paths) }] : []),
  ];
}

async function configuration(paths: Paths): Promise<string> {
  await configHere(paths);
  return `${paths.config} is valid`;
}

async function state(paths: Paths): Promise<string> {
  await requireReadableState(paths);
  await new Attempts(paths).read(systemClock.now());
  await readHistory(paths);
  return `${paths.state} can be read`;
}

/** As the first thing of every turn. */
async function machine(paths: Paths): Promise<string> {
  const { unit, agent } = await observeHere(paths);
  const current =
    agent.installed === null ? 'the link current names no version' : `smm-agent ${agent.installed} is current`;
  return `istio.service is ${unit.exists ? unit.activeState : 'not installed'}, ${current}`;
}

async function controlPlane(paths: Paths): Promise<string> {
  const config = await configHere(paths);
  const controlPlane = new KubernetesControlPlane(config, {
    paths,
    machineId: await readMachineId(paths),
    clock: systemClock,
  });
  try {
    const target = await controlPlane.target('anew');
    if (controlPlane.hasAnswered()) return `it answers (${target.answer})`;
    const reason = target.answer === 'wanted' ? 'nothing was asked' : target.reason;
    throw new AgentError('SMM217', `cannot reach the control plane: ${reason}`, 'the reason says what to look at');
  } finally {
    controlPlane.close();
  }
}
