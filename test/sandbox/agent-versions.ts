/**
 * The agent as its package installs it: versions and their runtime below /opt/smm-agent, and the unit. This file does
 * what postinst does on a real machine, without the start.
 */
import { constants, copyFile, link, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundle } from '../../packaging/bundle.ts';
import { layOutVersion, type VersionContents, writeManifest } from '../../packaging/release-folders.ts';
import { projectRoot } from '../../scripts/project.ts';
import type { Paths } from '../../src/base/paths.ts';

export interface VersionProgram {
  /** The program of the version. Without it, the real agent. */
  code?: string;
  /** JavaScript that runs before the program. */
  prefix?: string;
}

export interface VersionOptions extends VersionProgram {
  /** If false, `current` and `previous` stay unchanged, and the version is only on disk. */
  isCurrent?: boolean;
}

export const AGENT_UNIT = 'smm-agent.service';

/** The runtime of every installed version: the Node of this process. */
const RUNTIME = process.versions.node;

/** The placeholder for the version in a bundle. */
const UNSTAMPED = '0.0.0-not-stamped-yet';
/** Cached, because a bundle takes half a second, and many machines and versions of a process use the same one. */
let unstamped: Promise<string> | null = null;

/** The contents of a version. By default, the real agent and the Node of this process. */
export async function versionContents(
  version: string,
  { code, prefix = '' }: VersionProgram = {},
  runtimeVersion = RUNTIME,
): Promise<VersionContents> {
  const program = code ?? (await codeOf(version));
  const whole = prefix === '' ? program : `${prefix}\n${program}`;
  return { version, runtimeVersion, code: whole, copyright: 'Apache-2.0\n' };
}

/**
 * Installs a version, replacing one with the same name, and the unit. The caller must do a daemon-reload afterwards.
 */
export async function installVersion(paths: Paths, version: string, options: VersionOptions = {}): Promise<void> {
  const { isCurrent = true } = options;
  await layRuntime(join(paths.opt, 'runtimes', RUNTIME));
  const folder = join(paths.opt, 'versions', version);
  await rm(folder, { recursive: true, force: true });
  layOutVersion(folder, await versionContents(version, options));
  await symlink(`../../runtimes/${RUNTIME}`, join(folder, 'node'));
  if (isCurrent) await makeCurrent(paths.opt, `versions/${version}`);
  const unit = join(paths.root, 'lib/systemd/system', AGENT_UNIT);
  await mkdir(dirname(unit), { recursive: true });
  await copyFile(join(projectRoot, 'systemd', AGENT_UNIT), unit);
}

async function codeOf(version: string): Promise<string> {
  unstamped ??= bundle(projectRoot, UNSTAMPED).then(({ code }) => code);
  return (await unstamped).replaceAll(UNSTAMPED, version);
}

async function layRuntime(folder: string): Promise<void> {
  const node = join(folder, 'bin/node');
  await mkdir(dirname(node), { recursive: true });
  try {
    // A hard link if possible, because a copy takes 120 MB.
    await link(process.execPath, node);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    // Another file system, or a file of another user: a copy. Not a symbolic link: an upgrade would take the runtime
    // for damaged.
    if (!['EXDEV', 'EPERM'].includes(code)) throw error;
    await copyFile(process.execPath, node, constants.COPYFILE_FICLONE);
  }
  writeManifest(folder, { runtime: RUNTIME }, ['bin/node']);
}

/** `target` is relative to the folder of the link. */
async function makeCurrent(opt: string, target: string): Promise<void> {
  const before = await readlink(join(opt, 'current')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (before === target) return;
  if (before !== null) await point(join(opt, 'previous'), before);
  await point(join(opt, 'current'), target);
}

async function point(path: string, target: string): Promise<void> {
  await symlink(target, `${path}.new`);
  await rename(`${path}.new`, path);
}
