/** The configuration files of Istio's own package on this machine. One that is absent counts as empty, as for the start script. */
import { isUtf8 } from 'node:buffer';
import type { Paths } from '../base/paths.ts';
import { readForeignBytes, readForeignText } from '../host/files/foreign-file.ts';
import { notUtf8 } from './configuration/problem.ts';
import type { ReleaseConfiguration } from './release.ts';
import { requireTrustedWriters } from './trusted-writers.ts';

type InstalledFiles = Pick<ReleaseConfiguration, 'clusterEnv' | 'sidecarEnv' | 'mesh'>;

/**
 * As they are, to be taken over byte for byte. Rejects with SMM520 when one cannot be read, with SMM310 when anybody can write it, and with
 * SMM309 for bytes that are no UTF-8: a release holds text, in which they would be other bytes.
 */
export function readInstalledFiles(paths: Paths): Promise<InstalledFiles> {
  return readAll(paths, readUtf8);
}

/** To look for names and addresses in them; what is no UTF-8 is no part of one. Rejects with SMM520. */
export function glanceAtInstalledFiles(paths: Paths): Promise<InstalledFiles> {
  return readAll(paths, readForeignText);
}

async function readAll({ istio }: Paths, read: (path: string) => Promise<string | null>): Promise<InstalledFiles> {
  return {
    clusterEnv: (await read(istio.clusterEnv)) ?? '',
    sidecarEnv: (await read(istio.sidecarEnv)) ?? '',
    mesh: (await read(istio.mesh)) ?? '',
  };
}

async function readUtf8(path: string): Promise<string | null> {
  await requireTrustedWriters(path, 'configuration');
  const bytes = await readForeignBytes(path);
  if (bytes === null || isUtf8(bytes)) return bytes?.toString('utf8') ?? null;
  throw notUtf8(path, firstBadLine(bytes));
}

function firstBadLine(bytes: Buffer): number {
  // No character of more than one byte has a byte of a line end in it.
  const lines = bytes.toString('latin1').split('\n');
  return lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1'))) + 1;
}
