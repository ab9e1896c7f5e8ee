/**
 * One writer at a time, among processes. The lock is the kernel's (flock), because the scripts in systemd/bin take the
 * same lock. A small child process holds it. The child's standard input ends with this process, so that no kill leaves
 * a stale lock. A user who can open the locked file can hold the lock, so only the owner may open it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { AgentError } from '../../base/errors.ts';
import { hasCode } from './file-errors.ts';

/** `flock --conflict-exit-code`: a status that no other failure of flock has. */
const BUSY = 75;

/** Read and write bits of group and others: one of them is enough to open a file. */
const OPEN_TO_OTHERS = 0o066;

/**
 * Does `work` while this process holds the lock on `path`: a file for this lock alone, which is made if it is missing,
 * or a folder of our own. Takes the right to open `path` from other users. Rejects with SMM535 when another process
 * holds the lock for longer than `waitSeconds`, and SMM536 when `path` cannot be locked.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>, waitSeconds = 30): Promise<T> {
  await closeToOthers(path);
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
  // The holder may have been killed: then its input cannot be ended any more.
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

async function closeToOthers(path: string): Promise<void> {
  try {
    await using file = await openLock(path);
    const { mode, uid } = await file.stat();
    if (uid !== process.geteuid?.()) throw new Error(`it belongs to another user (${uid})`);
    // A process that opened it earlier still has it open: that lasts until the process ends.
    if ((mode & OPEN_TO_OTHERS) !== 0) await file.chmod(mode & 0o7777 & ~OPEN_TO_OTHERS);
  } catch (error) {
    throw refusal(path, null, error instanceof Error ? error.message : String(error));
  }
}

/** Follows no link: in a folder that others can write, a link could lead to any file. */
async function openLock(path: string): Promise<FileHandle> {
  const { O_RDONLY, O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    return await open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    if (!hasCode(error, 'EISDIR')) throw error;
    return open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  }
}

function refusal(path: string, status: number | null, said: string): AgentError {
  if (status === BUSY) {
    return new AgentError(
      'SMM535',
      `cannot lock ${path}: another process holds it`,
      'wait until that process has ended and try again',
    );
  }
  return new AgentError(
    'SMM536',
    `cannot lock ${path}: ${said.trim()}`,
    `check that the program flock (util-linux) is installed, and who owns ${path}`,
  );
}
