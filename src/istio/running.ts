/**
 * What runs in istio.service, told by the release folder in the path of the executables. Not by their inodes: unchanged
 * binaries are hard links, so that releases share inodes. No record, no environment and no configuration file counts.
 */
import { realpath } from 'node:fs/promises';
import type { Paths } from '../base/paths.ts';
import { fileError, hasCode } from '../host/files/file-errors.ts';
import {
  lookAtProcess,
  type Process,
  type ProcessAnswer,
  processTimeMs,
  startedMs,
} from '../host/programs/processes.ts';
import type { UnitState } from '../host/systemd/service-manager.ts';
import { RELEASE_FILES, RELEASE_ID, type ReleaseId, type ReleaseManifest } from './release.ts';

/** The two processes that count; null while one does not run. */
export interface IstioProcesses {
  envoy: Process | null;
  pilotAgent: Process | null;
}

export type Running =
  /** Envoy and pilot-agent of this release; `upMs` is for how long this very Envoy has been running. */
  | { answer: 'release'; id: ReleaseId; upMs: number }
  /**
   * The programs of Istio's own package, in processes that no adopted release has noted: the state before an adoption.
   */
  | { answer: 'package'; processes: IstioProcesses }
  /** Nothing, or Envoy not yet. `lastRan` is the release that istio-activate switched to last. */
  | { answer: 'nothing'; lastRan: ReleaseId | null }
  | { answer: 'unknown'; reason: string };

export interface RunningFacts {
  /** Every process of the unit's cgroup. */
  processes: readonly ProcessAnswer[];
  paths: Pick<Paths, 'releases' | 'istio'>;
  bootId: string;
  /** Every release on disk; only adopted ones matter. */
  releases: readonly Pick<ReleaseManifest, 'id' | 'adopted'>[];
  active: ReleaseId | null;
  /** The time now by the clock of processes' start times: no other clock may be compared with them. */
  processTimeMs: number;
}

/** Looks at the processes of the unit and says what runs. Throws SMM532 when /proc cannot be read. */
export async function lookAtRunning(
  unit: UnitState,
  facts: Omit<RunningFacts, 'processes' | 'processTimeMs'>,
  proc = '/proc',
): Promise<Running> {
  // /proc shows real paths, and /opt can be a link. While the folder does not exist, nothing runs from it.
  const releases = await realpath(facts.paths.releases).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return facts.paths.releases;
    throw fileError('read', facts.paths.releases, error);
  });
  const processes = unit.pids.map((pid) => lookAtProcess(pid, proc));
  // After the look, so that no process is younger than this time. Without a process no time is needed.
  const timeMs = processes.some(({ answer }) => answer === 'process') ? await processTimeMs(proc) : 0;
  return whatRuns({ ...facts, processes, paths: { ...facts.paths, releases }, processTimeMs: timeMs });
}

/** Pure. */
export function whatRuns(facts: RunningFacts): Running {
  const forbidden = facts.processes.find(({ answer }) => answer === 'forbidden');
  if (forbidden !== undefined) {
    return unknown(`process ${forbidden.pid} of istio.service cannot be looked at: the agent lacks CAP_SYS_PTRACE`);
  }
  const processes = facts.processes.filter((process) => process.answer === 'process');
  const envoys = processes.filter((process) => isProgram(process, 'envoy'));
  const agents = processes.filter((process) => isProgram(process, 'pilot-agent'));
  const stranger = processes.find((process) => !isProgram(process, 'pilot-agent') && !isOfTheSystem(process));
  if (envoys.length === 0 && stranger !== undefined) {
    return unknown(`the running program belongs to no release: ${stranger.exe} (process ${stranger.pid})`);
  }
  // Not up yet, or not any more. Without Envoy, a pilot-agent may be one that makes or removes iptables rules.
  if (envoys.length === 0) return { answer: 'nothing', lastRan: facts.active };
  return agree(
    [...envoys, ...agents].map((process) => origin(process, facts)),
    Math.max(facts.processTimeMs - Math.max(...envoys.map(startedMs)), 0),
  );
}

type Origin =
  | { from: 'release'; id: ReleaseId }
  | { from: 'package'; process: Process }
  | { from: 'elsewhere'; reason: string };

function agree(origins: readonly Origin[], upMs: number): Running {
  const elsewhere = origins.find(({ from }) => from === 'elsewhere');
  if (elsewhere?.from === 'elsewhere') return unknown(elsewhere.reason);
  const ids = new Set(origins.map((one) => (one.from === 'release' ? one.id : 'the package')));
  if (ids.size > 1) return unknown(`programs of different releases run together: ${[...ids].toSorted().join(' and ')}`);
  const [first] = origins;
  if (first?.from === 'release') return { answer: 'release', id: first.id, upMs };
  const of = (program: string) =>
    origins.flatMap((one) => (one.from === 'package' && isProgram(one.process, program) ? [one.process] : [])).at(0) ??
    null;
  return { answer: 'package', processes: { envoy: of('envoy'), pilotAgent: of('pilot-agent') } };
}

function origin(process: Process, facts: RunningFacts): Origin {
  const { paths } = facts;
  const adopted = adoptedRelease(process, facts);
  // First, since dpkg may have replaced or deleted the file meanwhile, and the process still is the adopted one.
  if (adopted !== null) return { from: 'release', id: adopted };
  const named = `${process.exe} (process ${process.pid})`;
  if (process.deleted)
    return { from: 'elsewhere', reason: `the executable that runs was deleted or replaced: ${named}` };
  if (process.exe === paths.istio.envoy || process.exe === paths.istio.pilotAgent) return { from: 'package', process };
  if (process.exe.startsWith(`${paths.releases}/`)) {
    const [id = '', ...rest] = process.exe.slice(paths.releases.length + 1).split('/');
    const file = rest.join('/');
    if (RELEASE_ID.test(id) && (file === RELEASE_FILES.envoy || file === RELEASE_FILES.pilotAgent)) {
      return { from: 'release', id };
    }
  }
  return { from: 'elsewhere', reason: `the running program belongs to no release: ${named}` };
}

/** The adopted release that noted exactly this process, in this boot. */
function adoptedRelease(process: Process, { releases, bootId }: RunningFacts): ReleaseId | null {
  const match = releases.find(
    ({ adopted }) =>
      adopted?.bootId === bootId &&
      [adopted.envoy, adopted.pilotAgent].some(
        (noted) =>
          noted !== null &&
          noted.pid === process.pid &&
          noted.startTicks === process.startTicks &&
          noted.device === process.device &&
          noted.inode === process.inode,
      ),
  );
  return match?.id ?? null;
}

/** sudo, bash and the programs that the start script runs stand between the unit and Istio. */
function isOfTheSystem({ exe }: Process): boolean {
  return /^(\/usr)?\/(s?bin|lib|lib64|libexec)\//.test(exe);
}

function isProgram(process: Process, name: string): boolean {
  return process.exe.slice(process.exe.lastIndexOf('/') + 1) === name;
}

function unknown(reason: string): Running {
  return { answer: 'unknown', reason };
}
