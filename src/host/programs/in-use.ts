/** The folders whose programs run now. Only /proc is asked, and no record: a program that runs is never deleted. */
import { readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../../base/errors.ts';
import { fileError, hasCode } from '../files/file-errors.ts';
import { isRoot, namesIn } from '../files/files.ts';

/** The programs that lie in our folders. */
const OURS: ReadonlySet<string> = new Set(['envoy', 'pilot-agent', 'node']);

/**
 * The folders below `parent` from which a process of this machine runs. Rejects with SMM446 when a process has the name
 * of one of our programs and /proc does not show its path: it could run from there.
 */
export async function foldersInUse(parent: string, proc = '/proc'): Promise<Set<string>> {
  const prefix = `${await realPath(parent)}/`;
  const inUse = new Set<string>();
  for (const pid of (await namesIn(proc)).filter((name) => /^\d+$/.test(name))) {
    const program = await programOf(join(proc, pid));
    const name = program?.startsWith(prefix) ? program.slice(prefix.length).split('/')[0] : undefined;
    if (name !== undefined) inUse.add(name);
  }
  return inUse;
}

/** The path of a process's program, null for a kernel thread and for a process that has ended meanwhile. */
async function programOf(process: string): Promise<string | null> {
  try {
    return await readlink(join(process, 'exe'));
  } catch (cause) {
    if (hasEnded(cause)) return null;
    if (!hasCode(cause, 'EACCES') && !hasCode(cause, 'EPERM')) throw fileError('read', join(process, 'exe'), cause);
    return programByItsOwnWord(process, cause);
  }
}

/**
 * Without CAP_SYS_PTRACE (containers, the demo) only the process's
 * own command line is left. Envoy is started by its path.
 */
async function programByItsOwnWord(process: string, cause: unknown): Promise<string | null> {
  try {
    const program = (await readFile(join(process, 'cmdline'), 'utf8')).split('\0', 1)[0] ?? '';
    const name = (await readFile(join(process, 'comm'), 'utf8')).trim();
    if (!isRoot() || !OURS.has(name)) return program;
    if (program.startsWith('/') && (await realPath(program)) === program) return program;
  } catch (error) {
    if (hasEnded(error)) return null;
    throw fileError('read', process, error);
  }
  throw new AgentError(
    'SMM446',
    `cannot tell which folders are in use: ${join(process, 'exe')} cannot be read`,
    'remove CapabilityBoundingSet= from your drop-in of smm-agent.service and restart smm-agent, or install the package ' +
      'again; nothing is deleted until then',
    { cause },
  );
}

function hasEnded(error: unknown): boolean {
  return hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH');
}

async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return path;
    throw fileError('read', path, cause);
  }
}
