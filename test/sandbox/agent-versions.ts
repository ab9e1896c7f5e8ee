/**
 * The agent as its package brings it: versions and their runtime below /opt/smm-agent, and its unit. Here is done what the
 * package's postinst does on a real machine, but for the start.
 */
import { copyFile, link, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundle } from '../../packaging/bundle.ts';
import { layOutVersion, writeManifest } from '../../packaging/release-folders.ts';
import { projectRoot } from '../../scripts/project.ts';
import type { Paths } from '../../src/paths.ts';

export interface VersionOptions {
  /** Instead of the real agent. */
  code?: string;
  /** JavaScript that runs before the agent does. */
  prefix?: string;
  /** False leaves `current` and `previous` as they are: the version only lies there. */
  isCurrent?: boolean;
}

export const AGENT_UNIT = 'smm-agent.service';

/** The runtime of every version is the Node that runs this. */
const RUNTIME = process.versions.node;

/** A bundle takes half a second, and many machines of one process want the same. */
const bundles = new Map<string, Promise<string>>();

/** Installs a version, in place of one of the same name, and the unit. A daemon-reload is due afterwards. */
export async function installVersion(paths: Paths, version: string, options: VersionOptions = {}): Promise<void> {
  const { code = await codeOf(version), prefix = '', isCurrent = true } = options;
  await layRuntime(join(paths.opt, 'runtimes', RUNTIME));
  const folder = join(paths.opt, 'versions', version);
  await rm(folder, { recursive: true, force: true });
  const whole = prefix === '' ? code : `${prefix}\n${code}`;
  layOutVersion(folder, { version, runtimeVersion: RUNTIME, code: whole, copyright: 'Apache-2.0\n' });
  await symlink(`../../runtimes/${RUNTIME}`, join(folder, 'node'));
  if (isCurrent) await makeCurrent(paths.opt, `versions/${version}`);
  const unit = join(paths.root, 'lib/systemd/system', AGENT_UNIT);
  await mkdir(dirname(unit), { recursive: true });
  await copyFile(join(projectRoot, 'systemd', AGENT_UNIT), unit);
}

function codeOf(version: string): Promise<string> {
  const made = bundles.get(version) ?? bundle(projectRoot, version).then(({ code }) => code);
  bundles.set(version, made);
  return made;
}

async function layRuntime(folder: string): Promise<void> {
  const node = join(folder, 'bin/node');
  await mkdir(dirname(node), { recursive: true });
  try {
    // Not a copy: it has 120 MB. Not a symbolic link, where it can be helped: what runs is seen by its path in /proc.
    await link(process.execPath, node);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    // Another file system, or the file of another user.
    if (!['EXDEV', 'EPERM'].includes(code)) throw error;
    await symlink(process.execPath, node);
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
