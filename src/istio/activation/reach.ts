/**
 * Whether istio-proxy can reach the releases: each folder above them is tried as that user. A hardened machine may have
 * an /opt of mode 0750, or an ACL: Istio would run only until its next restart.
 */
import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describeError } from '../../base/errors.ts';
import type { Paths } from '../../base/paths.ts';
import { fileError, hasCode } from '../../host/files/file-errors.ts';
import { asProxy, type RunAsProxy } from '../as-proxy.ts';
import type { Finding } from './finding.ts';

/** Prints the first folder that cannot be entered. It does enter them: a mode says nothing about ACLs and groups. */
const ENTER = 'for folder do cd "$folder" 2>/dev/null || { echo "barred $folder"; exit; }; done; echo free';

export class ProxyReach {
  readonly #paths: Pick<Paths, 'root' | 'releases'>;
  readonly #run: RunAsProxy | null;
  #last: { key: string; finding: Finding | null } | null = null;

  /**
   * `run` runs a program as istio-proxy. null: nothing is tried,
   * as below another root than '/', where there is no such user.
   */
  constructor(
    paths: Pick<Paths, 'root' | 'releases'>,
    run: RunAsProxy | null = paths.root === '/' ? asProxy(paths) : null,
  ) {
    this.#paths = paths;
    this.#run = run;
  }

  /**
   * What keeps istio-proxy out, null when nothing does. Tried again when one of the folders, or the users, changed: a
   * new ACL or mode changes the ctime of a folder. Rejects with SMM520.
   */
  async look(): Promise<Finding | null> {
    if (this.#run === null) return null;
    const folders = await above(this.#paths.releases);
    const key = JSON.stringify([folders, ...(await Promise.all([...folders, '/etc/passwd', '/etc/group'].map(mark)))]);
    if (this.#last?.key !== key) this.#last = { key, finding: await tryFolders(folders, this.#run) };
    return this.#last.finding;
  }
}

async function tryFolders(folders: readonly string[], run: RunAsProxy): Promise<Finding | null> {
  const said = await run(['/bin/sh', '-c', ENTER, 'sh', ...folders]).then(
    ({ stdout, stderr }) => stdout.trim() || stderr.trim(),
    (error: unknown) => describeError(error),
  );
  if (said === 'free') return null;
  const folder = folders.find((one) => said === `barred ${one}`);
  if (folder === undefined) return onlyByMode(folders, said);
  const { mode, uid, gid } = await stat(folder);
  const facts = `mode ${octal(mode)}, owner ${uid}:${gid}`;
  return finding(folder, `cannot be entered by istio-proxy (${facts}): Istio could not start from its release`);
}

/** If no program can be run as istio-proxy (no D-Bus in a container), the folder's mode for others decides. */
async function onlyByMode(folders: readonly string[], why: string): Promise<Finding | null> {
  for (const folder of folders) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) !== 0) continue;
    return finding(
      folder,
      `has mode ${octal(mode)}, and the agent cannot try whether istio-proxy may enter it (${why})`,
    );
  }
  return null;
}

function finding(folder: string, what: string): Finding {
  const remedy = `chmod o+x ${folder}, or setfacl -m u:istio-proxy:x ${folder}`;
  return { file: folder, line: null, text: `${folder} ${what}`, remedy };
}

/** From / down to the folder, without those that do not exist yet. A link adds the folders above its target. */
async function above(path: string): Promise<string[]> {
  const folders: string[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    if (await isThere(folder)) folders.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  const last = folders.at(-1) ?? '/';
  const real = await realpath(last);
  return real === last ? folders : [...(await above(real)), ...folders];
}

async function isThere(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory();
  } catch (cause) {
    if (hasCode(cause, 'ENOENT') || hasCode(cause, 'ENOTDIR')) return false;
    throw fileError('read', folder, cause);
  }
}

async function mark(path: string): Promise<string> {
  try {
    const { dev, ino, ctimeNs } = await lstat(path, { bigint: true });
    return `${dev}:${ino}:${ctimeNs}`;
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return 'absent';
    throw fileError('read', path, cause);
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
