/** The settings of the [Service] section of a unit, from all of its files. */
import { mapProgram, mapText } from './below-root.ts';
import { DIRECTORY_KINDS, type UnitDirectory, unitDirectory } from './directories.ts';
import { type ExecLine, parseExec } from './exec-line.ts';
import type { Assignment } from './unit-file.ts';
import { expandSpecifiers, parseSpanMs, splitWords } from './words.ts';

export interface ServiceSettings {
  /** `notify` is up after READY. Any other type counts as `simple`. */
  type: string;
  /** `all`, `main` or `none`: which processes of the unit may send messages with systemd-notify. */
  notifyAccess: string;
  execStartPre: ExecLine[];
  execStart: ExecLine[];
  execReload: ExecLine[];
  execStop: ExecLine[];
  execStopPost: ExecLine[];
  directories: UnitDirectory[];
  /** Whether the folder of RuntimeDirectory= stays after a stop. */
  keepsRuntime: boolean;
  /** `KEY=value`, in the order of the files. The later one has precedence. */
  environment: string[];
  environmentFiles: { path: string; isOptional: boolean }[];
  restart: string;
  restartMs: number;
  killMode: string;
  timeoutStartMs: number;
  timeoutStopMs: number;
  /** Infinity if there is no watchdog. */
  watchdogMs: number;
}

/** Reads the [Service] section of all files. */
export function serviceSettings(assignments: readonly Assignment[], unit: string): ServiceSettings {
  const service = assignments.filter(({ section }) => section === 'Service');
  const exec = (key: string) => list(service, key).map((value) => parseExec(expandSpecifiers(value, unit)));
  const spanMs = (key: string, otherwise: string) => parseSpanMs(last(service, key) ?? otherwise);
  // 0 means no deadline.
  const deadlineMs = (key: string, otherwise: string) => spanMs(key, otherwise) || Number.POSITIVE_INFINITY;
  const type = last(service, 'Type') ?? 'simple';
  const watchdogMs = deadlineMs('WatchdogSec', '0');
  return {
    type,
    // A service of Type=notify or with a watchdog must be able to send messages.
    notifyAccess: last(service, 'NotifyAccess') ?? (type === 'notify' || Number.isFinite(watchdogMs) ? 'main' : 'none'),
    execStartPre: exec('ExecStartPre'),
    execStart: exec('ExecStart'),
    execReload: exec('ExecReload'),
    execStop: exec('ExecStop'),
    execStopPost: exec('ExecStopPost'),
    directories: DIRECTORY_KINDS.flatMap((kind) =>
      list(service, `${kind}Directory`)
        .flatMap((value) => splitWords(expandSpecifiers(value, unit)))
        .map((name) => unitDirectory(kind, name, last(service, `${kind}DirectoryMode`) ?? '0755')),
    ),
    // Also with `restart`, because here a stop and a restart are not distinguished.
    keepsRuntime: !['no', undefined].includes(last(service, 'RuntimeDirectoryPreserve')),
    environment: list(service, 'Environment').flatMap((value) => splitWords(expandSpecifiers(value, unit))),
    environmentFiles: list(service, 'EnvironmentFile').map((value) => ({
      path: value.replace(/^-/, ''),
      isOptional: value.startsWith('-'),
    })),
    restart: last(service, 'Restart') ?? 'no',
    restartMs: spanMs('RestartSec', '100ms'),
    killMode: last(service, 'KillMode') ?? 'control-group',
    timeoutStartMs: deadlineMs('TimeoutStartSec', '90s'),
    timeoutStopMs: deadlineMs('TimeoutStopSec', '90s'),
    watchdogMs,
  };
}

/** Puts paths of the machine below the root, where its files are run and read. They are also shown like this. */
export function belowRoot(root: string, settings: ServiceSettings): ServiceSettings {
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
    execReload: exec(settings.execReload),
    execStop: exec(settings.execStop),
    execStopPost: exec(settings.execStopPost),
    directories: settings.directories.map((directory) => ({ ...directory, path: map(directory.path) })),
    environment: settings.environment.map(map),
    environmentFiles: settings.environmentFiles.map(({ path, isOptional }) => ({ path: map(path), isOptional })),
  };
}

/** All values of a list. An empty value removes the values before it. */
function list(assignments: readonly Assignment[], wanted: string): string[] {
  const values: string[] = [];
  for (const { key, value } of assignments) {
    if (key !== wanted) continue;
    if (value === '') values.length = 0;
    else values.push(value);
  }
  return values;
}

/** The last value that is not empty. */
export function last(assignments: readonly Assignment[], wanted: string): string | undefined {
  return assignments.findLast(({ key, value }) => key === wanted && value !== '')?.value;
}
