/** Puts files into a package or archive, with modes that do not depend on the umask of the build. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Copies a file, and makes the folders above it. */
export function put(from: string, to: string, mode: number): void {
  makeFolder(dirname(to));
  copyFileSync(from, to);
  chmodSync(to, mode);
}

/** Writes a file with mode 0644, and makes the folders above it. */
export function write(to: string, text: string): void {
  makeFolder(dirname(to));
  writeFileSync(to, text);
  chmodSync(to, 0o644);
}

function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
  chmodSync(folder, 0o755);
}
