/** Programs whose output is too large to keep: it is consumed as it comes. The rest goes through programs.ts. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { AgentError } from '../errors.ts';

export interface StreamOptions {
  /** Milliseconds until the program is killed. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** Added to the clean environment. */
  env?: Record<string, string>;
}

const MAX_STDERR_CHARS = 4000;

/**
 * Runs a program in a clean environment and hands its standard output to `consume`. The program is killed when
 * `consume` rejects, in time-out (SMM502) or on abort. An exit status other than 0 is SMM503 with what it said,
 * and comes before an error of `consume`: a program that failed cuts its output off.
 */
export async function consumeOutput<T>(
  argv: readonly [string, ...string[]],
  options: StreamOptions,
  consume: (stdout: Readable) => Promise<T>,
): Promise<T> {
  const [program, ...args] = argv;
  const child = spawn(program, args, {
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR_CHARS);
  });
  const ended = new Promise<{ status: number | null; failed?: Error }>((resolve) => {
    child.on('error', (failed) => resolve({ status: null, failed }));
    child.on('close', (status) => resolve({ status }));
  });
  let stopped: unknown;
  const stop = (reason: unknown) => {
    stopped ??= reason;
    child.kill('SIGKILL');
    child.stdout.destroy();
  };
  const seconds = options.timeoutMs / 1000;
  const late = new AgentError('SMM502', `cannot wait for ${program}: it did not end within ${seconds} s`, 'try again');
  const timer = setTimeout(stop, options.timeoutMs, late);
  const onAbort = () => stop(options.signal?.reason);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) onAbort();
  try {
    const consumed = await consume(child.stdout).then(
      (value) => ({ value }),
      (error: unknown) => {
        // A program that is still writing must not wait for a reader that has gone.
        const failedFirst = child.stdout.readableEnded || child.exitCode !== null;
        if (!failedFirst) stop(error);
        return { error };
      },
    );
    const { status, failed } = await ended;
    if (stopped !== undefined) throw stopped;
    if (failed) throw new AgentError('SMM501', `cannot run ${program}`, `install ${program}`, { cause: failed });
    if (status !== 0) {
      const message = `cannot complete ${argv.join(' ')}: it ended with status ${status}: ${stderr.trim()}`;
      throw new AgentError('SMM503', message, 'the message of the program says why');
    }
    if ('error' in consumed) throw consumed.error;
    return consumed.value;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}
