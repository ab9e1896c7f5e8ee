/** One configuration's life in the daemon: the turns that it means, and what triggers them. */
import { watch } from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import type { Config } from '../config.ts';
import { loadConfig } from '../config-file.ts';
import { describeProblem } from '../config-problem.ts';
import type { Clock } from '../host/clock.ts';
import { makeFolder } from '../host/files.ts';
import type { Log } from '../host/log.ts';
import type { ServiceManager } from '../host/service-manager.ts';
import type { Paths } from '../paths.ts';
import { AGENT_VERSION } from '../version.ts';
import { Agent, readMachineId } from './agent.ts';
import { ISTIO, type Session } from './daemon.ts';
import { Mesh } from './mesh.ts';
import { startTicking, tickDelayMs } from './schedule.ts';
import { misconfiguredStatus, type Status } from './status.ts';
import { writeStatus } from './status-file.ts';
import { turn } from './turn.ts';

export interface SessionParts {
  paths: Paths;
  clock: Clock;
  log: Log;
  services: ServiceManager;
}

/** A release that comes up, an entry that is made again: looked at every few seconds until it is done. */
const FOLLOW_UP_MS = 5_000;
/** istiod makes the entry of a restarted proxy within seconds; who waits longer waits for an operator. */
const ENTRY_PATIENCE_MS = 120_000;
/** istiod deletes the entry of the old connection ten seconds after its end: until then the one that is there can be that one. */
const OLD_ENTRY_MS = 20_000;

/** Never rejects for what the configuration says: a misconfigured agent stays up and says so. */
export async function openSession(parts: SessionParts, onConfig: (config: Config) => void): Promise<Session> {
  const loaded = await loadConfig(parts.paths);
  if (loaded.state === 'misconfigured') return misconfigured(parts, loaded.problems.map(describeProblem).join('; '));
  onConfig(loaded.config);
  return configured(parts, loaded.config);
}

function misconfigured({ paths, clock }: SessionParts, reason: string): Session {
  return {
    turn: async () => {
      const status = misconfiguredStatus(AGENT_VERSION, process.pid, clock.now(), reason);
      await writeStatus(paths, status);
      return status;
    },
    followUpMs: () => null,
    start: async () => ({ nextPoll: () => null, stop: () => {} }),
  };
}

async function configured(parts: SessionParts, config: Config): Promise<Session> {
  const { paths, clock, services } = parts;
  const machineId = await readMachineId(paths);
  const mesh = new Mesh(config, { paths, machineId, clock });
  const agent = new Agent({ paths, clock, services, config, mesh });
  return {
    turn: (options) => turn(agent, { config, agentVersion: AGENT_VERSION, ...options }),
    followUpMs: (status) => followUpMs(status, clock.now()),
    start: async (triggers) => {
      const delayMs = () => tickDelayMs(`${hostname()} ${machineId}`, config.poll.jitterSeconds, Math.random);
      const ticker = await startTicking(config.poll.schedule, delayMs, parts, () => triggers.fire('poll'));
      const watching = await watchIstio(parts, () => triggers.fire(ISTIO));
      return {
        nextPoll: ticker.next,
        stop: () => {
          ticker.stop();
          watching.close();
          mesh.close();
        },
      };
    },
  };
}

/** istio-activate writes down each start and each end of Istio, also those that nobody told the agent of. */
async function watchIstio({ paths, log }: SessionParts, onEvent: () => void): Promise<{ close(): void }> {
  await makeFolder(paths.run, 0o755);
  const records = new Set([basename(paths.startRecord), basename(paths.stopRecord)]);
  const watcher = watch(paths.run, (_, name) => {
    if (name !== null && records.has(name)) onEvent();
  });
  watcher.on('error', (error) => log.warn(`cannot watch ${paths.run}: ${error.message}; Istio is looked at each poll`));
  watcher.unref();
  return watcher;
}

export function followUpMs(status: Status, now: Date): number | null {
  const isSettling = status.notDone.some(({ step }) => step === 'confirm' || step === 'install-drop-in');
  const unit = status.istio.unit;
  const isMoving = unit?.activeState === 'activating' || unit?.activeState === 'deactivating';
  const upMs = unit?.since === null || unit?.since === undefined ? Infinity : now.getTime() - Date.parse(unit.since);
  const awaitsEntry = status.warnings.some((warning) => warning.startsWith('not reported')) && upMs < ENTRY_PATIENCE_MS;
  return isSettling || isMoving || awaitsEntry || upMs < OLD_ENTRY_MS ? FOLLOW_UP_MS : null;
}
