/**
 * Unit files name absolute paths; in the sandbox the same files lie below its root. Programs of the distribution
 * (/usr/bin/timeout) stay the host's own, unless the root brings a stand-in at the same path.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const OURS = /(?<=^|[\s=:,"'])\/(?:opt|etc|var|run|usr\/local|lib\/systemd)(?=\/|$|[\s:,"'])/g;

/** Puts the root before each path in `text` that is the machine's own; one that is below the root already is left alone. */
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
