/** enable, disable, mask and unmask: links below /etc/systemd/system. */
import { lstatSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadUnit, UNIT_FOLDERS, wantedBy } from '../units/definition.ts';

const [ETC] = UNIT_FOLDERS;

export function enable(root: string, unit: string): void {
  const definition = loadUnit(root, unit);
  for (const target of wantedBy(definition)) {
    const link = join(root, ETC, `${target}.wants`, unit);
    mkdirSync(dirname(link), { recursive: true });
    if (lstatSync(link, { throwIfNoEntry: false }) === undefined) symlinkSync(definition.fragmentPath, link);
  }
}

export function disable(root: string, unit: string): void {
  for (const target of wantedBy(loadUnit(root, unit)))
    rmSync(join(root, ETC, `${target}.wants`, unit), { force: true });
}

/** Makes a link. A unit file of the administrator at its path is an error, as in systemd. */
export function mask(root: string, unit: string): void {
  const link = join(root, ETC, unit);
  const present = lstatSync(link, { throwIfNoEntry: false });
  if (present !== undefined && !present.isSymbolicLink()) throw new Error(`File '${link}' already exists.`);
  rmSync(link, { force: true });
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync('/dev/null', link);
}

export function unmask(root: string, unit: string): void {
  const link = join(root, ETC, unit);
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) rmSync(link);
}
