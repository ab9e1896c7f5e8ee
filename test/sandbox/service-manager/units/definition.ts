/**
 * The definition of a unit, read from its file and drop-ins in the order of systemd. Kept until the next daemon-reload.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { belowRoot, last, type ServiceSettings, serviceSettings } from './settings.ts';
import { parseUnitFile } from './unit-file.ts';
import { splitWords } from './words.ts';

export interface UnitDefinition {
  name: string;
  loadState: 'loaded' | 'masked' | 'not-found';
  /** The path of the unit file below the root; empty if there is none. */
  fragmentPath: string;
  dropInPaths: string[];
  /** Each file as it was read. If the disk differs, a daemon-reload is needed. */
  texts: ReadonlyMap<string, string>;
  description: string;
  service: ServiceSettings;
}

/** Folders of unit files. For files with the same name, the earlier folder has precedence. */
export const UNIT_FOLDERS = ['/etc/systemd/system', '/run/systemd/system', '/lib/systemd/system'] as const;

export function loadUnit(root: string, name: string): UnitDefinition {
  const fragment = UNIT_FOLDERS.map((folder) => join(root, folder, name)).find(isThere);
  if (fragment !== undefined && isMaskedBy(fragment)) return emptyUnit(name, 'masked', fragment);
  if (fragment === undefined) return emptyUnit(name, 'not-found', '');
  const dropIns = findDropIns(root, name);
  const texts = new Map([fragment, ...dropIns].map((file) => [file, readFileSync(file, 'utf8')]));
  const assignments = [...texts.values()].flatMap(parseUnitFile);
  return {
    name,
    loadState: 'loaded',
    fragmentPath: fragment,
    dropInPaths: dropIns,
    texts,
    description: last(assignments, 'Description') ?? name,
    service: belowRoot(root, serviceSettings(assignments, name)),
  };
}

/** Whether a file on disk differs from what was read. */
export function needsReload(root: string, loaded: UnitDefinition): boolean {
  const now = loadUnit(root, loaded.name);
  return (
    now.loadState !== loaded.loadState ||
    now.texts.size !== loaded.texts.size ||
    [...now.texts].some(([file, text]) => loaded.texts.get(file) !== text)
  );
}

/** `enabled`, `disabled`, `static`, `masked` or `not-found`, from the files, not from the loaded unit. */
export function unitFileState(root: string, name: string): string {
  const loaded = loadUnit(root, name);
  if (loaded.loadState !== 'loaded') return loaded.loadState;
  const wanted = wantedBy(loaded);
  if (wanted.length === 0) return 'static';
  const isEnabled = wanted.some((target) => isThere(join(root, UNIT_FOLDERS[0], `${target}.wants`, name)));
  return isEnabled ? 'enabled' : 'disabled';
}

export function wantedBy({ texts }: UnitDefinition): string[] {
  const assignments = [...texts.values()].flatMap(parseUnitFile);
  return assignments.filter(({ key }) => key === 'WantedBy').flatMap(({ value }) => splitWords(value));
}

function emptyUnit(name: string, loadState: 'masked' | 'not-found', fragmentPath: string): UnitDefinition {
  const service = serviceSettings([], name);
  return { name, loadState, fragmentPath, dropInPaths: [], texts: new Map(), description: name, service };
}

function findDropIns(root: string, name: string): string[] {
  const byName = new Map<string, string>();
  for (const folder of UNIT_FOLDERS) {
    const path = join(root, folder, `${name}.d`);
    if (!existsSync(path)) continue;
    for (const file of readdirSync(path)) {
      if (file.endsWith('.conf') && !byName.has(file)) byName.set(file, join(path, file));
    }
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
}

/** Whether there is a file or a link. A link counts even if its target is not below the root. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isMaskedBy(fragment: string): boolean {
  return lstatSync(fragment).isSymbolicLink() && readlinkSync(fragment) === '/dev/null';
}
