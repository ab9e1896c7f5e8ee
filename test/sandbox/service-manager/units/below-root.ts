/**
 * Unit files name absolute paths. In the sandbox the same files are below its root. Programs of the distribution
 * (/usr/bin/timeout) are those of the host, unless the root has a stand-in at the same path.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const OURS = /(?<=^|[\s=:,"'])\/(?:opt|etc|var|run|usr\/local|lib\/systemd)(?=\/|$|[\s:,"'])/g;

/** Puts the root before each path of the machine in `text`. A path that is below the root already stays unchanged. */
export function mapText(root: string, text: string): string {
  return text.replaceAll(OURS, (path, at: number) => (isBelow(root, text.slice(at)) ? path : `${root}${path}`));
}

export function mapProgram(root: string, path: string): string {
  if (isBelow(root, path)) return path;
  return path.startsWith('/') && existsSync(join(root, path)) ? join(root, path) : path;
}

function isBelow(root: string, path: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}
