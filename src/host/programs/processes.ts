/**
 * Processes, as /proc shows them. A process may end during the look, or the look may be forbidden: both are answers. If
 * "forbidden" counted as "gone", a pending restart would be cleared without evidence.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AgentError } from '../../base/errors.ts';
import { hasCode } from '../files/file-errors.ts';
import { run } from './programs.ts';

/** A process that runs, and what distinguishes it from any other process of this boot. */
export interface Process {
  answer: 'process';
  pid: number;
  /** Path of the executable, without the kernel's ` (deleted)`. */
  exe: string;
  /** The file was deleted or replaced since the process began. */
  deleted: boolean;
  /** Device and inode of the executable, in decimal. */
  device: string;
  inode: string;
  /**
   * Field 22 of /proc/<pid>/stat: clock ticks since boot. A pid is used again, a pid together with its start is not.
   */
  startTicks: string;
}

export type ProcessAnswer =
  | Process
  /** It has ended, is a zombie, or a thread of the kernel. */
  | { answer: 'gone'; pid: number }
  /** CAP_SYS_PTRACE is lacking. */
  | { answer: 'forbidden'; pid: number };

/** A zombie, or a process that the kernel is removing. */
const HAS_ENDED = /\) [ZX] /;

/** Throws SMM532, and only when procfs itself cannot be read. */
export function lookAtProcess(pid: number, proc = '/proc'): ProcessAnswer {
  const folder = join(proc, String(pid));
  try {
    const startTicks = startTicksOf(readFileSync(join(folder, 'stat'), 'utf8'));
    const link = readlinkSync(join(folder, 'exe'));
    const { dev, ino } = statSync(join(folder, 'exe'), { bigint: true });
    // Read again: else a pid that was reused in between would mix two processes.
    if (startTicksOf(readFileSync(join(folder, 'stat'), 'utf8')) !== startTicks) return { answer: 'gone', pid };
    const deleted = link.endsWith(' (deleted)') && !isFile(link, dev, ino);
    const exe = deleted ? link.slice(0, -' (deleted)'.length) : link;
    return { answer: 'process', pid, exe, deleted, device: String(dev), inode: String(ino), startTicks };
  } catch (cause) {
    const answer = notLookedAt(pid, cause);
    // The kernel says EACCES also for a process that is just ending: that is no lack of rights.
    return answer.answer === 'forbidden' && isEnding(join(folder, 'stat')) ? { answer: 'gone', pid } : answer;
  }
}

/** Ticks in a second of field 22 of /proc/<pid>/stat: a constant of Linux's interface. */
const USER_HZ = 100;

/** When a process began, by the clock of `processTimeMs`. */
export function startedMs({ startTicks }: Pick<Process, 'startTicks'>): number {
  return (Number(startTicks) * 1000) / USER_HZ;
}

/**
 * The time now by the clock of processes' start times: milliseconds since the boot, with suspended time. It is the
 * start time of a process that is started for this. /proc/uptime is another clock: in a container, lxcfs shows the
 * container's own uptime there, while start times stay those of the host. Rejects with SMM501 and SMM532.
 */
export async function processTimeMs(proc = '/proc'): Promise<number> {
  let pid = 0;
  let stat = '';
  let cause: unknown;
  const begun = (id: number) => {
    pid = id;
    try {
      stat = readFileSync(join(proc, String(id), 'stat'), 'utf8');
    } catch (error) {
      cause = error;
    }
  };
  await run(['true'], { begun });
  if (cause !== undefined) throw notReadable(`/proc/${pid}/stat`, cause);
  return startedMs({ startTicks: startTicksOf(stat) });
}

/**
 * The processes in a unit's cgroup, in all three layouts of cgroups (v1, hybrid, v2), which /sys/fs/cgroup shows in
 * three different places. `controlGroup` is systemd's ControlGroup of the unit, empty when it has none. Containers on
 * this machine can have a unit of the same name: if a path matches exactly, only exact matches count.
 */
export function pidsInUnit(controlGroup: string, proc = '/proc'): number[] {
  if (controlGroup === '') return [];
  const exact: number[] = [];
  const below: number[] = [];
  for (const name of readdirSync(proc)) {
    if (!/^[1-9]\d*$/.test(name)) continue;
    const paths = controlGroupsOf(join(proc, name, 'cgroup'));
    if (paths.includes(controlGroup)) exact.push(Number(name));
    else if (paths.some((path) => path.endsWith(controlGroup))) below.push(Number(name));
  }
  return (exact.length > 0 ? exact : below).sort((a, b) => a - b);
}

function controlGroupsOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line) => /^(?:0::|\d+:name=systemd:)(\/.*)$/.exec(line)?.[1] ?? []);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT') || hasCode(cause, 'ESRCH')) return [];
    throw notReadable(file, cause);
  }
}

/**
 * The program's name stands in parentheses and may hold blanks and parentheses itself: count from the last parenthesis.
 */
function startTicksOf(stat: string): string {
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  if (ticks === undefined) throw notReadable('stat', new Error(`it reads ${JSON.stringify(stat.slice(0, 100))}`));
  return ticks;
}

/** Reads a file that every user may read. */
function isEnding(stat: string): boolean {
  try {
    return HAS_ENDED.test(readFileSync(stat, 'utf8'));
  } catch (cause) {
    return hasCode(cause, 'ENOENT') || hasCode(cause, 'ESRCH');
  }
}

function isFile(path: string, dev: bigint, ino: bigint): boolean {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat !== undefined && stat.dev === dev && stat.ino === ino;
}

function notLookedAt(pid: number, cause: unknown): { answer: 'gone' | 'forbidden'; pid: number } {
  if (hasCode(cause, 'ENOENT') || hasCode(cause, 'ESRCH')) return { answer: 'gone', pid };
  if (hasCode(cause, 'EACCES') || hasCode(cause, 'EPERM')) return { answer: 'forbidden', pid };
  throw notReadable(`/proc/${pid}`, cause);
}

function notReadable(path: string, cause: unknown): AgentError {
  return new AgentError('SMM532', `cannot read ${path}`, 'check that /proc is mounted for smm-agent.service', {
    cause,
  });
}
