/** What the demo needs of the host, asked before anything is done. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Each with what it is for. */
const PROGRAMS: Record<string, string> = {
  'dpkg-deb': 'unpacks the Istio packages (package dpkg)',
  bash: "Istio's start script is written for it",
  mkfifo: 'programs of the sandbox speak to the embedded service manager (package coreutils)',
  flock: 'one agent at a time, and one publisher (package util-linux)',
  tar: 'packs the Istio packages and the versions of the agent',
  gzip: 'compresses them',
};

/** Sentences that say what is lacking; none when the demo can run. */
export function lacking(platform: string, path: string): string[] {
  if (platform !== 'linux') return [`Linux: what runs is read from /proc, and this is ${platform}`];
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
