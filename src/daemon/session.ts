/** The daemon's work with one configuration: its turns and their triggers. */
import { watch } from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { AgentError, describeError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { AGENT_VERSION } from '../base/version.ts';
import { withEmergencyHold } from '../config/emergency-hold.ts';
import { loadConfig } from '../config/load.ts';
import { describeProblem } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import type { Clock } from '../host/clock.ts';
import { makeFolder } from '../host/files/files.ts';
import type { Log } from '../host/log/log.ts';
import type { ServiceManager } from '../host/systemd/service-manager.ts';
import { type ConfigInEffect, emergencyHold } from '../observation/settings.ts';
import { writeStatus } from '../status/file.ts';
import type { Status } from '../status/status.ts';
import { failedStatus, misconfiguredStatus } from '../status/unseen.ts';
import { Agent, readMachineId } from '../turn/agent.ts';
import { KubernetesControlPlane } from '../turn/kubernetes-control-plane.ts';
import type { RiskyInputs } from '../turn/risky-inputs.ts';
import { turn } from '../turn/turn.ts';
import { noteTurn, readProbation } from '../versions/probation.ts';
import { requireReadableState } from '../versions/state/format.ts';
import type { Session } from './daemon.ts';
import { startTicking, tickDelayMs } from './schedule.ts';
import { Tidying } from './tidying.ts';
import { UnitAge } from './unit-age.ts';

export interface SessionParts {
  paths: Paths;
  clock: Clock;
  log: Log;
  services: ServiceManager;
  /** $INVOCATION_ID of a daemon that systemd runs; null elsewhere. */
  invocation: string | null;
  risks?: RiskyInputs;
  /** Watches a folder; tests give another function. */
  watch?: typeof watch;
}

/** While istio.service starts or stops, the status is out of date soon: turn again after this. */
const CHANGING_MS = 1_000;
/** While a release starts up, or istiod makes the entry again: turn again after this. */
const FOLLOW_UP_MS = 5_000;
/** On probation: several turns before the deadline, but not so many that they burden a control plane with problems. */
const PROBATION_MS = 10_000;
/** istiod makes the entry of a restarted proxy within seconds. After this long only an operator can help. */
const ENTRY_PATIENCE_MS = 120_000;
/**
 * istiod deletes the entry of an old connection ten seconds after its end: until then the present entry may be the old
 * one.
 */
const OLD_ENTRY_MS = 20_000;

/**
 * Does not reject for an error in the configuration, or for another error that an operator has to correct: if the
 * daemon exited, systemd would start it again every two seconds. The daemon stays up, does nothing, and reports the
 * error.
 */
export async function openSession(
  parts: SessionParts,
  onConfig: (config: Config) => void,
  before: Session | null = null,
): Promise<Session> {
  const { paths, clock } = parts;
  const loaded = await loadConfig(paths);
  const { digest } = loaded;
  const inEffect = { file: paths.config, digest, readAt: clock.now().toISOString(), refused: null };
  let read: Session['read'] = null;
  let problem: string | null = null;
  if (loaded.state === 'configured') read = { config: loaded.config, inEffect };
  else {
    problem = loaded.problems.map(describeProblem).join('; ');
    // A typing error in the file must not stop a working agent: keep the previous configuration.
    const last = before?.read ?? null;
    if (last === null) return misconfigured(parts, problem, inEffect);
    read = { ...last, inEffect: { ...last.inEffect, refused: { digest, problem } } };
  }
  onConfig(read.config);
  try {
    await requireReadableState(paths);
    return configured(parts, { read, problem }, await readMachineId(paths), await isOnTrial(paths));
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const reason = `${describeError(error)} (${error.remedy}, then systemctl reload smm-agent)`;
    return misconfigured(parts, reason, read.inEffect);
  }
}

function misconfigured({ paths, clock, invocation }: SessionParts, reason: string, inEffect: ConfigInEffect): Session {
  return {
    read: null,
    problem: reason,
    turn: async () => {
      // A hold counts also while the file has errors.
      const held = await emergencyHold(inEffect, paths);
      const status = misconfiguredStatus(AGENT_VERSION, process.pid, clock.now(), reason, inEffect, held);
      await writeStatus(paths, status);
      // agent-deadline asks the previous version whether it refuses the configuration as well.
      if (await isOnTrial(paths)) await noteTurn(paths, 'configuration', invocation ?? '');
      return status;
    },
    failed: async (why) => misconfiguredStatus(AGENT_VERSION, process.pid, clock.now(), why, inEffect),
    nextLook: () => null,
    start: async () => ({ nextPoll: () => null, stop: () => {} }),
  };
}

/** Whether this version is on probation. */
async function isOnTrial(paths: Paths): Promise<boolean> {
  return (await readProbation(paths))?.to === AGENT_VERSION;
}

async function configured(
  parts: SessionParts,
  { read, problem }: { read: NonNullable<Session['read']>; problem: string | null },
  machineId: string,
  wasOnTrial: boolean,
): Promise<Session> {
  const { paths, clock, services, invocation, risks } = parts;
  const { inEffect } = read;
  const config = await withEmergencyHold(paths, read.config);
  const controlPlane = new KubernetesControlPlane(config, { paths, machineId, clock });
  const agent = new Agent({
    paths,
    clock,
    services,
    config,
    controlPlane,
    invocation,
    inEffect,
    ...(risks ? { risks } : {}),
  });
  const tidying = new Tidying(parts);
  const age = new UnitAge(clock);
  let onTrial = wasOnTrial;
  return {
    read,
    problem,
    turn: async (options) => {
      // Not on probation: the version is judged by its first turns, which must not wait for tidying.
      if (!onTrial) await tidying.run();
      return turn(agent, { config, clock, ...options });
    },
    failed: async (reason, isRepeated) => {
      const about = {
        agentVersion: AGENT_VERSION,
        pid: process.pid,
        workloadGroup: config.workloadGroup,
        config: inEffect,
      };
      const status = failedStatus(about, clock.now(), reason);
      // A single failure is not reported to the cluster: each write there may cause istiod to write as well.
      if (isRepeated) await agent.report(status);
      else await writeStatus(paths, status);
      return status;
    },
    nextLook: (status) => {
      // After a turn that failed as a whole, it is unknown whether the probation is over.
      if (status !== null) onTrial = status.upgrade?.state === 'probation';
      if (onTrial) return { afterMs: PROBATION_MS, reason: 'probation' };
      if (status === null) return null;
      const ageMs = age.of(status);
      if (isChanging(status)) return { afterMs: CHANGING_MS, reason: 'follow-up' };
      return isMoving(status, ageMs) ? { afterMs: FOLLOW_UP_MS, reason: 'follow-up' } : null;
    },
    start: async (triggers) => {
      const delayMs = () => tickDelayMs(`${hostname()} ${machineId}`, config.poll.jitterSeconds, Math.random);
      const ticker = await startTicking(config.poll.schedule, delayMs, parts, () => triggers.fire('poll'));
      const watching = await watchIstio(parts, () => triggers.fire('istio'));
      return {
        nextPoll: ticker.next,
        stop: () => {
          ticker.stop();
          watching.close();
          controlPlane.close();
        },
      };
    },
  };
}

/** The scripts of istio.service write a record of each start and each end of Istio: watch these records. */
async function watchIstio(parts: SessionParts, onEvent: () => void): Promise<{ close(): void }> {
  const { run, startRecord, stopRecord } = parts.paths;
  await makeFolder(run, 0o755);
  const records = new Set([basename(startRecord), basename(stopRecord)]);
  const failed = (error: unknown) =>
    parts.log.warn(`cannot watch ${run}: ${describeError(error)}; the agent looks at Istio at each poll`);
  try {
    const watcher = (parts.watch ?? watch)(run, (_, name) => {
      if (name !== null && records.has(name)) onEvent();
    });
    watcher.on('error', failed);
    watcher.unref();
    return watcher;
  } catch (error) {
    // Other programs may have used up the kernel's inotify instances: polls work without a watch.
    failed(error);
    return { close: () => {} };
  }
}

function isChanging({ istio: { unit } }: Status): boolean {
  return unit?.activeState === 'activating' || unit?.activeState === 'deactivating';
}

/** Whether a change is going on that triggers no turn. `ageMs`: the time since the last change of istio.service. */
function isMoving(status: Status, ageMs: number): boolean {
  const isSettling = status.notDone.some(({ step }) => step === 'confirm' || step === 'install-drop-in');
  const awaitsEntry = status.awaitsEntry === true && ageMs < ENTRY_PATIENCE_MS;
  return isSettling || awaitsEntry || ageMs < OLD_ENTRY_MS;
}
