/** The programs of the official package as they are installed on this machine. */
import type { BigIntStats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../../base/errors.ts';
import type { Paths } from '../../base/paths.ts';
import { fileError, hasCode } from '../../host/files/file-errors.ts';
import { readForeignText } from '../../host/files/foreign-file.ts';
import { copyHashed } from '../../host/files/trees.ts';
import { RELEASE_FILES } from '../release.ts';
import { requireTrustedWriters } from '../trusted-writers.ts';
import { modeOf, PROGRAM_FILES, type ProgramFile } from './layout.ts';

export interface Installed {
  file: ProgramFile;
  /** Its real path, behind links that an operator has made. */
  path: string;
  stat: BigIntStats;
}

/** Rejects with SMM447 when one of the files is missing, and with SMM310 when users other than root can write one. */
export async function installedPrograms(paths: Paths): Promise<Installed[]> {
  const found = await Promise.all(PROGRAM_FILES.map((file) => look(file, paths.istio[file])));
  for (const { file, path } of found) {
    await requireTrustedWriters(path, file === 'bootstrapTemplate' ? 'configuration' : 'program');
  }
  return found;
}

/**
 * Copies them into a release's folder and returns their digests by file name. Copies and never links: dpkg and rpm
 * strip mode bits of files that they replace, and a hard link would lose them too. Rejects with SMM448 when dpkg or
 * another program replaced a file meanwhile: the four files belong together.
 */
export async function copyInstalled(
  installed: Installed[],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const { file, path } of installed) {
    const name = RELEASE_FILES[file];
    digests.set(name, await copyHashed(path, join(folder, name), modeOf(name), signal));
  }
  for (const { file, path, stat: before } of installed) {
    const { stat: after } = await look(file, path);
    if (after.ino === before.ino && after.mtimeNs === before.mtimeNs && after.size === before.size) continue;
    const message = `cannot adopt Istio while ${path} is being replaced`;
    throw new AgentError('SMM448', message, 'wait until the package manager is done; the agent tries again by itself');
  }
  return digests;
}

async function look(file: ProgramFile, path: string): Promise<Installed> {
  try {
    const found = { file, path: await realpath(path), stat: await stat(path, { bigint: true }) };
    if (file === 'bootstrapTemplate') await requireOrdinary(path);
    return found;
  } catch (cause) {
    if (!hasCode(cause, 'ENOENT')) throw fileError('read', path, cause);
    const message = `cannot adopt Istio: ${path} of the official package is missing`;
    throw new AgentError('SMM447', message, 'install the istio-sidecar package again', { cause });
  }
}

/**
 * The template lies in a folder of istio-proxy, which could have
 * put a link to a file of root there, or a file of any size.
 */
async function requireOrdinary(path: string): Promise<void> {
  await readForeignText(path);
}
