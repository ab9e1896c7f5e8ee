/** Work of commands without the daemon: observe, plan, make one turn, forget failures. */

import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { withEmergencyHold } from '../config/emergency-hold.ts';
import { loadConfig } from '../config/load.ts';
import { configError } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { listen } from '../daemon/socket/server.ts';
import { Attempts } from '../decision/attempts.ts';
import { systemClock } from '../host/clock.ts';
import { makeFolder } from '../host/files/files.ts';
import { sendAsAgent } from '../host/own-group.ts';
import { systemdBelow } from '../host/systemd/below.ts';
import type { ServiceManager } from '../host/systemd/service-manager.ts';
import { ReleaseFindings } from '../istio/releases/findings.ts';
import type { Observation } from '../observation/observation.ts';
import { observe } from '../observation/observe.ts';
import type { Status } from '../status/status.ts';
import { Agent, readMachineId } from '../turn/agent.ts';
import type { ControlPlane } from '../turn/control-plane.ts';
import type { Tell } from '../turn/events.ts';
import { KubernetesControlPlane } from '../turn/kubernetes-control-plane.ts';
import { dryRun, type Plan } from '../turn/plan.ts';
import { RiskyInputs } from '../turn/risky-inputs.ts';
import { turn } from '../turn/turn.ts';
import { readLeftVersion, writeLeftVersion } from '../versions/operators-choice.ts';
import { VersionRejections } from '../versions/rejections.ts';
import { AGENT_UNIT } from '../versions/unit.ts';

export function servicesHere(paths: Paths): ServiceManager {
  return systemdBelow(paths);
}

/** Needs no configuration and no control plane. */
export function observeHere(paths: Paths): Promise<Observation> {
  return observe({ paths, clock: systemClock, services: servicesHere(paths) });
}

/** Rejects with SMM1xx when the configuration has errors. */
export async function configHere(paths: Paths): Promise<Config> {
  const loaded = await loadConfig(paths);
  if (loaded.state === 'configured') return withEmergencyHold(paths, loaded.config);
  throw configError(loaded.problems);
}

/** The plan of the next round of steps. */
export async function planHere(paths: Paths): Promise<Plan> {
  // If the daemon runs, plan as the daemon: only the daemon upgrades itself.
  const invocation = (await isServiceUp(paths)) ? 'of the daemon' : null;
  return withAgent(paths, (agent, config) => dryRun(agent, config), invocation);
}

/** False if systemd does not answer. */
async function isServiceUp(paths: Paths): Promise<boolean> {
  try {
    const { activeState } = await servicesHere(paths).unit(AGENT_UNIT);
    return activeState === 'active' || activeState === 'reloading';
  } catch (error) {
    if (error instanceof AgentError) return false;
    throw error;
  }
}

/**
 * One turn by this process. Rejects with SMM505 when a daemon runs by now, and with SMM604 when a daemon starts during
 * the turn.
 */
export async function reconcileHere(paths: Paths, tell: Tell): Promise<Status> {
  await makeFolder(paths.run, 0o755);
  const ending = new AbortController();
  const cut = (why: string, remedy: string) =>
    ending.abort(new AgentError('SMM604', `cannot complete the turn: ${why}`, remedy));
  const end = () => cut('it was interrupted', 'run the command again');
  const busy = await listen(paths.socket, async (request, answer) => {
    if (request.do === 'yield')
      cut('the daemon has just started and makes the turn itself', 'run smm-agent reconcile again to follow it');
    const text = 'another smm-agent reconcile is running; try again when it has finished';
    answer({ end: { ok: request.do === 'yield', text } });
  });
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  try {
    return await withAgent(paths, (agent, config) =>
      turn(agent, {
        config,
        clock: systemClock,
        ask: 'fresh',
        isTyped: true,
        nextPoll: null,
        tell,
        signal: ending.signal,
      }),
    );
  } finally {
    process.off('SIGINT', end);
    process.off('SIGTERM', end);
    await busy.close();
  }
}

/** Returns a sentence for each forgotten failure. */
export async function forgetFailures(paths: Paths): Promise<string[]> {
  const { rejections } = new ReleaseFindings(paths.state, systemClock);
  const rejected = [...(await rejections.read())].map(([id, { reason }]) => `release ${id}: ${reason}`);
  await rejections.clear();
  const versions = new VersionRejections(paths, systemClock);
  const refused = [...(await versions.read())].map(([version, { reason }]) => `smm-agent ${version}: ${reason}`);
  await versions.clear();
  const left = await readLeftVersion(paths);
  await writeLeftVersion(paths, null);
  const operators = left === null ? [] : [`smm-agent ${left.version}: an operator rolled it back at ${left.at}`];
  const attempts = new Attempts(paths);
  const failed = [...(await attempts.read(systemClock.now()))].map(([key, { reason }]) => `${key}: ${reason}`);
  await attempts.clear();
  const passedBy = await new RiskyInputs(paths, systemClock).clear();
  return [...rejected, ...refused, ...operators, ...failed, ...passedBy];
}

/** The caller closes it. */
export async function controlPlaneHere(paths: Paths, config: Config): Promise<ControlPlane> {
  if (paths.root === '/') sendAsAgent();
  return new KubernetesControlPlane(config, { paths, machineId: await readMachineId(paths), clock: systemClock });
}

async function withAgent<T>(
  paths: Paths,
  work: (agent: Agent, config: Config) => Promise<T>,
  invocation: string | null = null,
): Promise<T> {
  const config = await configHere(paths);
  const clock = systemClock;
  const controlPlane = await controlPlaneHere(paths, config);
  try {
    return await work(
      new Agent({ paths, clock, services: servicesHere(paths), config, controlPlane, invocation }),
      config,
    );
  } finally {
    controlPlane.close();
  }
}
