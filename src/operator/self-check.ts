/** Checks whether this version of the agent works on this machine. Changes nothing. */
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { Attempts } from '../decision/attempts.ts';
import { readHistory } from '../history/history.ts';
import { systemClock } from '../host/clock.ts';
import { requireReadableState } from '../versions/state/format.ts';
import { configHere, controlPlaneHere, observeHere } from './without-daemon.ts';

export interface Check {
  name: string;
  /** Resolves with a sentence if the check passes; rejects if it fails. */
  check(): Promise<string>;
}

/** `withControlPlane`: also checks that the control plane gives any response, even an error. */
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

/** Observes the machine, as every turn does first. */
async function machine(paths: Paths): Promise<string> {
  const { unit, agent } = await observeHere(paths);
  const current =
    agent.installed === null ? 'the link current names no version' : `smm-agent ${agent.installed} is current`;
  return `istio.service is ${unit.exists ? unit.activeState : 'not installed'}, ${current}`;
}

async function controlPlane(paths: Paths): Promise<string> {
  const config = await configHere(paths);
  const controlPlane = await controlPlaneHere(paths, config);
  try {
    const target = await controlPlane.target('fresh');
    if (controlPlane.hasAnswered()) return `it answers (${target.answer})`;
    const reason = target.answer === 'wanted' ? 'no request was sent' : target.reason;
    throw new AgentError(
      'SMM217',
      `cannot reach the control plane: ${reason}`,
      'correct the cause that the message names',
    );
  } finally {
    controlPlane.close();
  }
}
