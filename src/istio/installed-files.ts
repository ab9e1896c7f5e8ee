/**
 * The configuration files of Istio's own package on this machine.
 * An absent file counts as empty, as for the start script.
 */
import { isUtf8 } from 'node:buffer';
import type { Paths } from '../base/paths.ts';
import { readForeignBytes, readForeignText } from '../host/files/foreign-file.ts';
import { notUtf8 } from './configuration/problem.ts';
import type { ReleaseConfiguration } from './release.ts';
import { requireTrustedWriters } from './trusted-writers.ts';

type InstalledFiles = Pick<ReleaseConfiguration, 'clusterEnv' | 'sidecarEnv' | 'mesh'>;

/**
 * The files as they are, to be taken over byte for byte. Rejects with SMM520 when one
 * cannot be read, with SMM310 when users other than root and istio-proxy can write it, and
 * with SMM309 when it is not UTF-8: a release holds text, which would change such bytes.
 */
export function readInstalledFiles(paths: Paths): Promise<InstalledFiles> {
  return readAll(paths, readUtf8);
}

/** For a search for names and addresses: bytes that are not UTF-8 are never part of one. Rejects with SMM520. */
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
  // In UTF-8, no character of several bytes holds the byte of a line end.
  const lines = bytes.toString('latin1').split('\n');
  return lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1'))) + 1;
}
