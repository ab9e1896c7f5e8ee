/** RuntimeDirectory=, StateDirectory= and the like: folders that systemd makes before the first command of a start. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';

const PLACES = { Runtime: '/run', State: '/var/lib', Cache: '/var/cache', Logs: '/var/log' } as const;

export type DirectoryKind = keyof typeof PLACES;
export const DIRECTORY_KINDS = Object.keys(PLACES) as DirectoryKind[];

export interface UnitDirectory {
  kind: DirectoryKind;
  path: string;
  mode: number;
}

/** `name` is the name in the unit file. */
export function unitDirectory(kind: DirectoryKind, name: string, mode: string): UnitDirectory {
  return { kind, path: `${PLACES[kind]}/${name}`, mode: Number.parseInt(mode, 8) };
}

export function makeDirectories(directories: readonly UnitDirectory[]): void {
  for (const { path, mode } of directories) {
    mkdirSync(path, { recursive: true });
    chmodSync(path, mode);
  }
}

/** Removes the folders below /run, after the unit has stopped. The others stay. */
export function removeRuntimeDirectories(directories: readonly UnitDirectory[]): void {
  for (const { kind, path } of directories) if (kind === 'Runtime') rmSync(path, { recursive: true, force: true });
}

/** The variables `RUNTIME_DIRECTORY` and the like, for every command of the unit. */
export function directoryVariables(directories: readonly UnitDirectory[]): Record<string, string> {
  const of = (kind: DirectoryKind) =>
    directories.filter((directory) => directory.kind === kind).map(({ path }) => path);
  const present = DIRECTORY_KINDS.filter((kind) => of(kind).length > 0);
  return Object.fromEntries(present.map((kind) => [`${kind.toUpperCase()}_DIRECTORY`, of(kind).join(':')]));
}
