/**
 * The agent as its package brings it: versions and their runtime below /opt/smm-agent, and its unit. Here is done what the
 * package's postinst does on a real machine, but for the start.
 */
import { constants, copyFile, link, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundle } from '../../packaging/bundle.ts';
import { layOutVersion, type VersionContents, writeManifest } from '../../packaging/release-folders.ts';
import { projectRoot } from '../../scripts/project.ts';
import type { Paths } from '../../src/base/paths.ts';

export interface VersionProgram {
  /** Instead of the real agent. */
  code?: string;
  /** JavaScript that runs before the agent does. */
  prefix?: string;
}

export interface VersionOptions extends VersionProgram {
  /** False leaves `current` and `previous` as they are: the version only lies there. */
  isCurrent?: boolean;
}

export const AGENT_UNIT = 'smm-agent.service';

/** The runtime of every version that is installed: the Node that runs this. */
const RUNTIME = process.versions.node;

/** What stands in a bundle until it becomes that of a version. */
const UNSTAMPED = '0.0.0-not-stamped-yet';
/** A bundle takes half a second, and many machines and versions of one process want the same. */
let unstamped: Promise<string> | null = null;

/** What a version is made of. Without other wishes it is the real agent, on the Node that runs this. */
export async function versionContents(
  version: string,
  { code, prefix = '' }: VersionProgram = {},
  runtimeVersion = RUNTIME,
): Promise<VersionContents> {
  const program = code ?? (await codeOf(version));
  const whole = prefix === '' ? program : `${prefix}\n${program}`;
  return { version, runtimeVersion, code: whole, copyright: 'Apache-2.0\n' };
}

/** Installs a version, in place of one of the same name, and the unit. A daemon-reload is due afterwards. */
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
    // Not a copy where it can be helped: it has 120 MB.
    await link(process.execPath, node);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    // Another file system, or the file of another user. Not a symbolic link: an upgrade takes a runtime with one for damaged.
    if (!['EXDEV', 'EPERM'].includes(code)) throw error;
    await copyFile(process.execPath, node, constants.COPYFILE_FICLONE);
  }
  writeManifest(folder, { runtime: RUNTIME }, ['bin/node']);
}

/** `target` as the link has it, relative to the folder that holds the link. */
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
