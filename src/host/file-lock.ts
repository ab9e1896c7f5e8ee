/**
 * One writer at a time, among processes. The lock is the kernel's (flock), held by a small child whose standard input ends
 * with this process: so it is never left behind, whatever kills us, and no stale lock has to be told from a held one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { AgentError } from '../errors.ts';

/** `flock --conflict-exit-code`, told apart from its own failures. */
const BUSY = 75;

/**
 * Does `work` while this process alone holds the lock on `path`, an existing file or folder, which is not changed.
 * Rejects with SMM535 when another process holds it for longer than `waitSeconds`, and SMM536 when it cannot be locked.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>, waitSeconds = 30): Promise<T> {
  const argv = [
    '--wait',
    String(waitSeconds),
    '--conflict-exit-code',
    String(BUSY),
    path,
    'sh',
    '-c',
    'echo held; exec cat',
  ];
  const holder = spawn('flock', argv, {
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = once(holder, 'close');
  let said = '';
  holder.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  // The holder may have been killed: then there is nobody to tell that we are done.
  holder.stdin.on('error', (error: NodeJS.ErrnoException) => {
    said += error.message;
  });
  try {
    const held = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
    if (!held) throw refusal(path, holder.exitCode, said);
    return await work();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error && String(error.syscall).startsWith('spawn'))
      throw refusal(path, null, error.message);
    throw error;
  } finally {
    holder.stdin.end();
    holder.stdout.resume();
    if (holder.pid !== undefined) await ended;
  }
}

function refusal(path: string, status: number | null, said: string): AgentError {
  if (status === BUSY) {
    return new AgentError(
      'SMM535',
      `cannot lock ${path}: another process holds it`,
      'wait until that one has ended and try again',
    );
  }
  return new AgentError(
    'SMM536',
    `cannot lock ${path}: ${said.trim()}`,
    'check that the program flock (util-linux) is installed',
  );
}
