/** Processes of a unit without cgroups: each command gets a session of its own, and what it starts stays in that session, or is its child. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** How a command ended, in the words of $EXIT_CODE. */
export type End = { code: 'exited'; status: number } | { code: 'killed' | 'dumped'; signal: NodeJS.Signals };

export interface Command {
  path: string;
  argv: readonly [string, ...string[]];
  environment: Record<string, string>;
  folder: string;
  onLine(line: string): void;
}

export interface Running {
  /** Also the id of its session; null when the program could not be started. */
  pid: number | null;
  ended: Promise<End>;
}

/** systemd's status for a program that could not be executed. */
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
  // Not `close`: what the command left in the background may hold its output open.
  child.on('exit', (status, signal) => {
    if (signal === null) resolve({ code: 'exited', status: status ?? 0 });
    else resolve({ code: DUMPS_CORE.has(signal) ? 'dumped' : 'killed', signal });
  });
  return { pid: child.pid ?? null, ended: promise };
}

/** The processes of these sessions, and their children, that have not ended, in the order of their ids. */
export function membersOf(sessions: ReadonlySet<number>): number[] {
  if (sessions.size === 0) return [];
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return ids.map(Number).filter((pid) => isMember(pid, sessions));
}

/** As in a cgroup, a child that makes a session of its own still belongs to it, for as long as its parent is there. */
export function isMember(pid: number, sessions: ReadonlySet<number>): boolean {
  for (let at = pid; at > 1; ) {
    const found = placeOf(at);
    if (found === null) return false;
    if (sessions.has(found.session)) return true;
    at = found.parent;
  }
  return false;
}

/** Sends a signal to each of these processes; one that is gone already is no error. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Sends a signal that is to end these processes, also where one was stopped: it takes no other before it goes on. */
export function terminate(pids: readonly number[], signal: 'SIGTERM' | 'SIGABRT'): void {
  signalAll(pids, signal);
  signalAll(pids, 'SIGCONT');
}

/** null for a process that is gone or a zombie. */
export function sessionOf(pid: number): number | null {
  return placeOf(pid)?.session ?? null;
}

function placeOf(pid: number): { parent: number; session: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in brackets, can hold blanks and brackets; behind it come state, parent, group, session.
    const [state, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || session === undefined ? null : { parent: Number(parent), session: Number(session) };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}
