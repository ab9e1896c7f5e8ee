/** What a unit is, read from its file and drop-ins in systemd's order. Kept as it was read until the next daemon-reload. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { mapProgram, mapText } from './below-root.ts';
import { type ExecLine, parseExec } from './exec-line.ts';
import { type Assignment, parseUnitFile } from './unit-file.ts';
import { expandSpecifiers, parseSpanMs, splitWords } from './words.ts';

export interface UnitDefinition {
  name: string;
  loadState: 'loaded' | 'masked' | 'not-found';
  /** Below the root; empty where there is none. */
  fragmentPath: string;
  dropInPaths: string[];
  /** Each file as it was read: where the disk differs, a daemon-reload is due. */
  texts: ReadonlyMap<string, string>;
  description: string;
  service: ServiceSettings;
}

export interface ServiceSettings {
  execStartPre: ExecLine[];
  execStart: ExecLine[];
  execStop: ExecLine[];
  execStopPost: ExecLine[];
  /** `KEY=value`, in the order of the files; the later wins. */
  environment: string[];
  environmentFiles: { path: string; isOptional: boolean }[];
  restart: string;
  restartMs: number;
  killMode: string;
  timeoutStartMs: number;
  timeoutStopMs: number;
}

/** The earlier folder wins for files of the same name. */
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

/** Whether the disk says something else than what was read. */
export function needsReload(root: string, loaded: UnitDefinition): boolean {
  const now = loadUnit(root, loaded.name);
  return (
    now.loadState !== loaded.loadState ||
    now.texts.size !== loaded.texts.size ||
    [...now.texts].some(([file, text]) => loaded.texts.get(file) !== text)
  );
}

/** `enabled`, `disabled`, `static`, `masked` or `not-found`, asked of the files and not of the loaded unit. */
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

function serviceSettings(assignments: readonly Assignment[], unit: string): ServiceSettings {
  const service = assignments.filter(({ section }) => section === 'Service');
  const exec = (key: string) => list(service, key).map((value) => parseExec(expandSpecifiers(value, unit)));
  const spanMs = (key: string, otherwise: string) => parseSpanMs(last(service, key) ?? otherwise);
  return {
    execStartPre: exec('ExecStartPre'),
    execStart: exec('ExecStart'),
    execStop: exec('ExecStop'),
    execStopPost: exec('ExecStopPost'),
    environment: list(service, 'Environment').flatMap((value) => splitWords(expandSpecifiers(value, unit))),
    environmentFiles: list(service, 'EnvironmentFile').map((value) => ({
      path: value.replace(/^-/, ''),
      isOptional: value.startsWith('-'),
    })),
    restart: last(service, 'Restart') ?? 'no',
    restartMs: spanMs('RestartSec', '100ms'),
    killMode: last(service, 'KillMode') ?? 'control-group',
    timeoutStartMs: spanMs('TimeoutStartSec', '90s'),
    timeoutStopMs: spanMs('TimeoutStopSec', '90s'),
  };
}

/** The machine's own files lie below the root: there they are run and read, and so they are shown. */
function belowRoot(root: string, settings: ServiceSettings): ServiceSettings {
  const map = (text: string) => mapText(root, text);
  const exec = (lines: ExecLine[]) =>
    lines.map((line): ExecLine => {
      const [name, ...args] = line.argv;
      return { ...line, path: mapProgram(root, map(line.path)), argv: [map(name), ...args.map(map)] };
    });
  return {
    ...settings,
    execStartPre: exec(settings.execStartPre),
    execStart: exec(settings.execStart),
    execStop: exec(settings.execStop),
    execStopPost: exec(settings.execStopPost),
    environment: settings.environment.map(map),
    environmentFiles: settings.environmentFiles.map(({ path, isOptional }) => ({ path: map(path), isOptional })),
  };
}

/** All values of a list; an empty one takes away what came before it. */
function list(assignments: readonly Assignment[], wanted: string): string[] {
  const values: string[] = [];
  for (const { key, value } of assignments) {
    if (key !== wanted) continue;
    if (value === '') values.length = 0;
    else values.push(value);
  }
  return values;
}

function last(assignments: readonly Assignment[], wanted: string): string | undefined {
  return assignments.findLast(({ key, value }) => key === wanted && value !== '')?.value;
}

/** A link counts also when it leads nowhere below the root. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isMaskedBy(fragment: string): boolean {
  return lstatSync(fragment).isSymbolicLink() && readlinkSync(fragment) === '/dev/null';
}
