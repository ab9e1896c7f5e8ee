/** What the demo needs on the host, checked before it does anything. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The needed programs, each with its purpose. */
const PROGRAMS: Record<string, string> = {
  'dpkg-deb': 'unpacks the Istio packages (package dpkg)',
  bash: "runs Istio's start script",
  mkfifo: 'connects programs of the sandbox with the embedded service manager (package coreutils)',
  flock: 'locks, so that only one agent and one publisher run at a time (package util-linux)',
  tar: 'packs the Istio packages and the versions of the agent',
  gzip: 'compresses them',
};

/** Sentences that say what is missing; empty if the demo can run. */
export function lacking(platform: string, path: string): string[] {
  if (platform !== 'linux') return [`Linux: the demo reads processes from /proc, and this is ${platform}`];
  return Object.entries(PROGRAMS)
    .filter(([program]) => !path.split(delimiter).some((folder) => isExecutable(join(folder, program))))
    .map(([program, purpose]) => `${program}: ${purpose}`);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
