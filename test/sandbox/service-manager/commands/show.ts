/** The output of `systemctl show` for a service, in the format of systemd. */
import { uptime } from 'node:os';
import { controlGroupOf } from '../control-groups.ts';
import type { EmbeddedServiceManager } from '../manager.ts';
import type { Service } from '../service.ts';
import { needsReload, unitFileState } from '../units/definition.ts';
import type { ExecLine } from '../units/exec-line.ts';
import { quoteWord } from '../units/words.ts';

export type TimestampStyle = 'pretty' | 'unix' | 'us' | 'utc' | 'us+utc';

/** All supported properties, in order. A list property comes once for each element. */
export function properties(
  manager: EmbeddedServiceManager,
  service: Service,
  style: TimestampStyle,
): [name: string, value: string][] {
  const { definition } = service;
  const { service: settings } = definition;
  const job = manager.jobs.list().find(({ unit }) => unit === service.name);
  const exec = (name: string, lines: readonly ExecLine[]): [string, string][] =>
    lines.map((line) => [name, showExec(line)]);
  return [
    ['Id', service.name],
    ['Names', service.name],
    ['Description', definition.description],
    ['LoadState', definition.loadState],
    ['ActiveState', service.active],
    ['SubState', service.sub],
    ['UnitFileState', definition.loadState === 'not-found' ? '' : unitFileState(manager.root, service.name)],
    ['FragmentPath', definition.fragmentPath],
    ['DropInPaths', definition.dropInPaths.join(' ')],
    ['NeedDaemonReload', definition.loadState === 'loaded' && needsReload(manager.root, definition) ? 'yes' : 'no'],
    ['Type', settings.type],
    ['NotifyAccess', settings.notifyAccess],
    ['StatusText', service.statusText],
    ['Restart', settings.restart],
    ['KillMode', settings.killMode],
    ['Result', service.result],
    ['NRestarts', String(service.restarts)],
    ['InvocationID', service.invocation],
    ['MainPID', String(service.mainPid)],
    ['ControlGroup', service.pids().length > 0 ? controlGroupOf(service.name) : ''],
    ['Job', String(job?.id ?? 0)],
    ...timestamps('ActiveEnterTimestamp', service.activeEnter, style),
    ...timestamps('ActiveExitTimestamp', service.activeExit, style),
    ...timestamps('InactiveEnterTimestamp', service.inactiveEnter, style),
    ...timestamps('WatchdogTimestamp', service.watchdogFed, style),
    ['Environment', settings.environment.map(quoteWord).join(' ')],
    ...settings.environmentFiles.map(({ path, isOptional }): [string, string] => [
      'EnvironmentFiles',
      `${path} (ignore_errors=${isOptional ? 'yes' : 'no'})`,
    ]),
    ...exec('ExecStartPre', settings.execStartPre),
    ...exec('ExecStart', settings.execStart),
    ...exec('ExecReload', settings.execReload),
    ...exec('ExecStop', settings.execStop),
    ...exec('ExecStopPost', settings.execStopPost),
  ];
}

function showExec({ path, argv, ignoresFailure }: ExecLine): string {
  const ignore = ignoresFailure ? 'yes' : 'no';
  const never = 'start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0';
  return `{ path=${path} ; argv[]=${argv.join(' ')} ; ignore_errors=${ignore} ; ${never} }`;
}

function timestamps(name: string, at: Date | null, style: TimestampStyle): [string, string][] {
  const monotonic = at === null ? 0 : Math.round(uptime() * 1_000_000 - (Date.now() - at.getTime()) * 1000);
  return [
    [name, at === null ? '' : showTime(at, style)],
    [`${name}Monotonic`, String(Math.max(monotonic, at === null ? 0 : 1))],
  ];
}

/** A time in UTC, independent of the time zone of the host. */
function showTime(at: Date, style: TimestampStyle): string {
  if (style === 'unix') return `@${Math.floor(at.getTime() / 1000)}`;
  const day = at.toLocaleDateString('en-US', { weekday: 'short', timeZone: 'UTC' });
  const [date = '', time = ''] = at.toISOString().split('T');
  const fraction = style.startsWith('us') ? `.${time.slice(9, 12)}000` : '';
  return `${day} ${date} ${time.slice(0, 8)}${fraction} UTC`;
}
