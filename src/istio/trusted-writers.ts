/**
 * Who can write a file that an adoption takes over. Root runs the programs and sources the environment: what another
 * user has put there would go on running from the release, where an operator would not look for it.
 */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AgentError } from '../base/errors.ts';
import { fileError, hasCode } from '../host/files/file-errors.ts';
import { run } from '../host/programs/programs.ts';

/** `configuration`: istio-proxy may write it too, since Istio's own instructions give these folders to istio-proxy. */
export type TakenOver = 'program' | 'configuration';

interface Writers {
  users: readonly number[];
  groups: readonly number[];
}

const ROOT = 0;
const STICKY = 0o1000;

/**
 * Rejects with SMM310 when users other than root (and istio-proxy, for configuration) can write the file or put another
 * one in its place. An absent file has no content to trust.
 */
export async function requireTrustedWriters(path: string, kind: TakenOver): Promise<void> {
  const file = await statOf(path);
  if (file === null) return;
  const folder = dirname(path);
  const inFolder = await statOf(folder);
  // The ids of istio-proxy are looked up only when another user than root owns the file or its folder.
  const trusted = [file, inFolder].every(isOfRoot) ? OURS : await writersOf(kind);
  if (!trusted.users.includes(file.uid)) throw distrusted(path, `user ${file.uid} owns it`, kind);
  if ((file.mode & 0o020) !== 0 && !trusted.groups.includes(file.gid)) {
    throw distrusted(path, `group ${file.gid} can write it`, kind);
  }
  if ((file.mode & 0o002) !== 0) throw distrusted(path, 'everybody can write it', kind);
  if (inFolder === null) return;
  if (!trusted.users.includes(inFolder.uid)) throw distrusted(path, `user ${inFolder.uid} owns ${folder}`, kind);
  // A group may write the folder: for /usr/local/bin that is Debian's
  // own choice (staff), and an administrator fills the group.
  if ((inFolder.mode & 0o002) !== 0 && (inFolder.mode & STICKY) === 0) {
    throw distrusted(path, `everybody can write ${folder}`, kind);
  }
}

/** Root; and the user of this process, which is another user only in tests. */
const OURS: Writers = { users: [ROOT, process.getuid?.() ?? ROOT], groups: [ROOT, process.getgid?.() ?? ROOT] };

async function writersOf(kind: TakenOver): Promise<Writers> {
  if (kind === 'program') return OURS;
  return {
    users: [...OURS.users, ...(await idOfProxy('-u'))],
    groups: [...OURS.groups, ...(await idOfProxy('-g'))],
  };
}

async function idOfProxy(which: '-u' | '-g'): Promise<number[]> {
  const { status, stdout } = await run(['id', which, 'istio-proxy']);
  return status === 0 && /^\d+\n$/.test(stdout) ? [Number(stdout)] : [];
}

function isOfRoot(stat: Stats | null): boolean {
  return stat === null || (stat.uid === ROOT && stat.gid === ROOT);
}

async function statOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return null;
    throw fileError('read', path, cause);
  }
}

function distrusted(path: string, why: string, kind: TakenOver): AgentError {
  const owner = kind === 'program' ? 'root' : 'root or istio-proxy';
  return new AgentError(
    'SMM310',
    `cannot take over ${path}: ${why}, and root would run its content`,
    `read it, then give it and its folder to ${owner} (chown), and take the right to write from others (chmod go-w)`,
  );
}
