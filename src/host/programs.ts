/**
 * The only way in which the agent runs other programs: no shell, a clean environment, a deadline, bounded output.
 */
import { spawn } from 'node:child_process';
import { AgentError } from '../errors.ts';

export interface RunOptions {
  /** Milliseconds until the program is killed. */
  timeoutMs?: number;
  input?: string;
  cwd?: string;
  /** Added to the clean environment. */
  env?: Record<string, string>;
  uid?: number;
  gid?: number;
  /** Ends the program when aborted. */
  signal?: AbortSignal;
}

export interface RunResult {
  /** Exit status, or null when a signal ended it. */
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

const MAX_OUTPUT_CHARS = 4_000_000;

/**
 * Runs a program to its end and returns what it printed, whatever its exit status.
 * Rejects with SMM501 when it cannot be started and SMM502 when it does not end in time.
 */
export function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
  const { timeoutMs = 30_000 } = options;
  const [program, ...args] = argv;
  const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
  const child = spawn(program, args, {
    cwd: options.cwd ?? '/',
    // A child must not inherit NOTIFY_SOCKET, LISTEN_FDS or LD_*: it could speak to systemd in our name.
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      if (output[stream].length < MAX_OUTPUT_CHARS) output[stream] += text;
    });
  }
  // A program may end before it has read its input; that is told by its exit status.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  child.on('error', (cause) => {
    clearTimeout(timer);
    reject(new AgentError('SMM501', `cannot run ${program}`, `check that ${program} is installed`, { cause }));
  });
  child.on('close', (status, signal) => {
    clearTimeout(timer);
    if (timedOut) {
      const message = `cannot wait for ${argv.join(' ')}: it did not end within ${timeoutMs / 1000} s`;
      reject(new AgentError('SMM502', message, 'look at the load of the machine and try again'));
      return;
    }
    resolve({ status, signal, ...output });
  });
  return promise;
}
