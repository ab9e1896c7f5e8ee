/**
 * Processes of a unit without cgroups: each command has a session of its own. Its descendants are in that session, or
 * are its children.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** How a command ended, with the words of $EXIT_CODE. */
export type End = { code: 'exited'; status: number } | { code: 'killed' | 'dumped'; signal: NodeJS.Signals };

export interface Command {
  path: string;
  argv: readonly [string, ...string[]];
  environment: Record<string, string>;
  folder: string;
  onLine(line: string): void;
}

export interface Running {
  /** Also the id of its session. null if the program could not be started. */
  pid: number | null;
  ended: Promise<End>;
}

/** The status of systemd for a program that cannot be executed. */
const STATUS_EXEC = 203;
const DUMPS_CORE = new Set<NodeJS.Signals>(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGQUIT', 'SIGTRAP']);

/** Starts a command in a session of its own; never throws. */
export function launch({ path, argv, environment, folder, onLine }: Command): Running {
  const { promise, resolve } = Promise.withResolvers<End>();
  const child = spawn(path, argv.slice(1), {
    argv0: argv[0],
    cwd: folder,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);
  child.on('error', (error) => {
    onLine(`cannot execute ${path}: ${error.message}`);
    resolve({ code: 'exited', status: STATUS_EXEC });
  });
  // Not `close`: a background process of the command may keep its output open.
  child.on('exit', (status, signal) => {
    if (signal === null) resolve({ code: 'exited', status: status ?? 0 });
    else resolve({ code: DUMPS_CORE.has(signal) ? 'dumped' : 'killed', signal });
  });
  return { pid: child.pid ?? null, ended: promise };
}

/** The living processes of these sessions, and their children, in the order of their ids. */
export function membersOf(sessions: ReadonlySet<number>): number[] {
  if (sessions.size === 0) return [];
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return ids.map(Number).filter((pid) => isMember(pid, sessions));
}

/**
 * As in a cgroup, a child with a session of its own still belongs to the session of its parent, while the parent lives.
 */
export function isMember(pid: number, sessions: ReadonlySet<number>): boolean {
  for (let at = pid; at > 1; ) {
    const found = placeOf(at);
    if (found === null) return false;
    if (sessions.has(found.session)) return true;
    at = found.parent;
  }
  return false;
}

/** Sends a signal to each of these processes. A process that is gone is no error. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Sends a signal that must end these processes, and SIGCONT, because a stopped process receives no other signal. */
export function terminate(pids: readonly number[], signal: 'SIGTERM' | 'SIGABRT'): void {
  signalAll(pids, signal);
  signalAll(pids, 'SIGCONT');
}

/** The session of a process; null if the process is gone or a zombie. */
export function sessionOf(pid: number): number | null {
  return placeOf(pid)?.session ?? null;
}

function placeOf(pid: number): { parent: number; session: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in brackets, can contain blanks and brackets. After it: state, parent, group, session.
    const [state, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || session === undefined ? null : { parent: Number(parent), session: Number(session) };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}
