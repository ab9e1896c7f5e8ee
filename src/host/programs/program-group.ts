/**
 * A program with all its children: a process group of its own, which is killed as
 * a whole. A caller must not wait for the children: a child that goes on in the
 * background holds the pipes open, and `close` comes only when that child ends.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { AgentError } from '../../base/errors.ts';
import { hasCode } from '../files/file-errors.ts';

export interface ProgramOptions {
  cwd?: string;
  /** Added to the clean environment. */
  env?: Record<string, string>;
  uid?: number;
  gid?: number;
}

/** How a program ended: an exit status, or the signal that ended it. */
export interface ProgramEnd {
  status: number | null;
  signal: NodeJS.Signals | null;
}

export interface Program {
  /** undefined when it could not be started. */
  pid: number | undefined;
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /**
   * Resolves when the program itself has ended, also if a child goes on. Rejects with SMM501 when it cannot be started.
   */
  ended: Promise<ProgramEnd>;
  /** As `ended`, once all output has been read too. Never resolves while a child keeps the pipes open. */
  closed: Promise<ProgramEnd>;
  /** Whether the program itself has ended. */
  hasEnded(): boolean;
  /** Ends the program and its children by SIGKILL. It is no error if they have ended already. */
  kill(): void;
  /** Stops reading, so that a pipe that a child holds open does not keep this process alive. */
  release(): void;
}

/** Starts a program: no shell, a clean environment, a process group of its own. */
export function startProgram(argv: readonly [string, ...string[]], options: ProgramOptions = {}): Program {
  const [program, ...args] = argv;
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(program, args, {
    cwd: options.cwd ?? '/',
    // A child must not inherit NOTIFY_SOCKET, LISTEN_FDS or LD_*: it could speak to systemd in our name.
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  const ended = Promise.withResolvers<ProgramEnd>();
  const closed = Promise.withResolvers<ProgramEnd>();
  child.on('error', (cause) => {
    const error = new AgentError('SMM501', `cannot run ${program}`, `check that ${program} is installed`, { cause });
    ended.reject(error);
    closed.reject(error);
  });
  child.on('exit', (status, signal) => ended.resolve({ status, signal }));
  child.on('close', (status, signal) => closed.resolve({ status, signal }));
  // A caller may await only one of them: the other must not be an unhandled rejection.
  for (const { promise } of [ended, closed]) promise.catch(() => {});
  // A program may end before it has read its input: its exit status says enough.
  child.stdin.on('error', () => {});
  return {
    pid: child.pid,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended: ended.promise,
    closed: closed.promise,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    kill: () => killGroup(child.pid),
    release: () => {
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      child.unref();
    },
  };
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    // EPERM: all of them run as another user now. Nothing waits for them any longer either way.
    if (!hasCode(error, 'ESRCH') && !hasCode(error, 'EPERM')) throw error;
  }
}
