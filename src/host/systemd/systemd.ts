/**
 * Asks systemd through systemctl. Not through a D-Bus library: its connection would have to survive restarts of dbus
 * and of systemd itself. Each question is a program with a deadline.
 */
import { AgentError } from '../../base/errors.ts';
import { pidsInUnit } from '../programs/processes.ts';
import { type RunResult, run } from '../programs/programs.ts';
import type { ServiceManager, UnitState } from './service-manager.ts';
import {
  type Properties,
  parseCommands,
  parseEnvironment,
  parseEnvironmentFile,
  parseShow,
  parseSpanMs,
  parseTimestamp,
  splitWords,
} from './show.ts';

const PROPERTIES = new Set([
  'LoadState',
  'ActiveState',
  'SubState',
  'UnitFileState',
  'Result',
  'ActiveEnterTimestamp',
  'InactiveEnterTimestamp',
  'FragmentPath',
  'DropInPaths',
  'Environment',
  'EnvironmentFiles',
  'ExecStartPre',
  'ExecStart',
  'ExecStopPost',
  'StartLimitBurst',
  'StartLimitIntervalUSec',
  'RestartUSec',
  'ControlGroup',
]);
const QUESTION_TIMEOUT_MS = 15_000;
/** Stopping takes up to TimeoutStopSec twice (the processes, then the cleaning), starting up to TimeoutStartSec. */
const JOB_TIMEOUT_MS = 180_000;

export interface SystemdOptions {
  /** Where procfs is mounted; another folder in tests. */
  proc?: string;
  /** How systemctl is run; another function in tests. */
  run?: typeof run;
}

export class Systemd implements ServiceManager {
  readonly #proc: string;
  readonly #run: typeof run;

  constructor(options: SystemdOptions = {}) {
    this.#proc = options.proc ?? '/proc';
    this.#run = options.run ?? run;
  }

  /** Rejects with SMM530 when systemd does not answer. */
  async unit(name: string): Promise<UnitState> {
    const { stdout } = await this.#ask(['show', '--no-pager', `--property=${[...PROPERTIES].join(',')}`, name]);
    const properties = parseShow(stdout, PROPERTIES);
    const controlGroup = properties.get('ControlGroup')?.[0] ?? '';
    return unitState(properties, pidsInUnit(controlGroup, this.#proc));
  }

  /** Rejects with SMM530 when systemd does not answer. */
  async job(name: string): Promise<string | null> {
    const { stdout } = await this.#ask(['list-jobs', '--no-legend', '--no-pager', '--full']);
    const jobs = new Map<string, string>();
    for (const line of stdout.split('\n')) {
      const [, unit, type] = line.trim().split(/\s+/);
      if (unit !== undefined && type !== undefined) jobs.set(unit, type);
    }
    // The list has the own name of each unit, and `name` can be an alias.
    return jobs.size === 0 ? null : (jobs.get(name) ?? jobs.get(await this.#ownName(name)) ?? null);
  }

  async #ownName(name: string): Promise<string> {
    const { stdout } = await this.#ask(['show', '--no-pager', '--property=Id', name]);
    return parseShow(stdout, new Set(['Id'])).get('Id')?.[0] ?? name;
  }

  /** Rejects with SMM531. */
  async daemonReload(): Promise<void> {
    await this.#do(['daemon-reload']);
  }

  /** Rejects with SMM531 when the start fails, or when another job stands in its way. */
  async start(name: string): Promise<void> {
    await this.#do(['start', '--job-mode=fail', name]);
  }

  /** Rejects with SMM531. */
  async resetFailed(name: string): Promise<void> {
    await this.#do(['reset-failed', name]);
  }

  /** Rejects with SMM531. */
  async restart(name: string): Promise<void> {
    await this.#do(['restart', name]);
  }

  /** Rejects with SMM531. */
  async requestRestart(name: string): Promise<void> {
    await this.#do(['restart', '--no-block', name]);
  }

  async #ask(args: string[]): Promise<RunResult> {
    // TZ: times are printed for the caller's time zone, and a name like CET does not tell the offset.
    const result = await this.#run(['systemctl', ...args], { timeoutMs: QUESTION_TIMEOUT_MS, env: { TZ: 'UTC' } });
    if (result.status === 0) return result;
    throw new AgentError(
      'SMM530',
      `cannot ask systemd (systemctl ${args[0]}): ${said(result)}`,
      'check that systemd runs: systemctl is-system-running',
    );
  }

  async #do(args: string[]): Promise<void> {
    const result = await this.#run(['systemctl', ...args], { timeoutMs: JOB_TIMEOUT_MS });
    if (result.status === 0) return;
    throw new AgentError(
      'SMM531',
      `cannot complete systemctl ${args.join(' ')}: ${said(result)}`,
      messageOf(result) === ''
        ? `see systemctl status${args.length > 1 ? ` ${args.at(-1)}` : ''}`
        : 'put right what the message of systemctl names; systemctl status and journalctl -u say more',
    );
  }
}

function said(result: RunResult): string {
  const { status, signal } = result;
  return messageOf(result) || (signal === null ? `it ended with status ${status}` : `it was ended by ${signal}`);
}

/** Empty if systemctl printed nothing. */
function messageOf({ stderr, stdout }: RunResult): string {
  return (stderr.trim() || stdout.trim()).slice(-1000);
}

/** The typed state, from the output of systemctl. */
function unitState(properties: Properties, pids: number[]): UnitState {
  const value = (name: string) => properties.get(name)?.[0] ?? '';
  const commands = (name: string) => parseCommands(properties.get(name) ?? []);
  return {
    // A masked unit exists; unitFileState says that it cannot be started.
    exists: value('LoadState') !== 'not-found',
    activeState: activeState(value('ActiveState')),
    subState: value('SubState'),
    unitFileState: value('UnitFileState'),
    result: value('Result'),
    activeEnter: parseTimestamp(value('ActiveEnterTimestamp')),
    inactiveEnter: parseTimestamp(value('InactiveEnterTimestamp')),
    fragmentPath: value('FragmentPath'),
    dropInPaths: splitWords(value('DropInPaths')),
    environment: parseEnvironment(value('Environment')),
    environmentFiles: (properties.get('EnvironmentFiles') ?? []).filter(Boolean).map(parseEnvironmentFile),
    execStartPre: commands('ExecStartPre'),
    execStart: commands('ExecStart'),
    execStopPost: commands('ExecStopPost'),
    startLimit: startLimit(value),
    pids,
  };
}

function startLimit(value: (name: string) => string): UnitState['startLimit'] {
  const intervalMs = parseSpanMs(value('StartLimitIntervalUSec'));
  const restartMs = parseSpanMs(value('RestartUSec'));
  const burst = value('StartLimitBurst');
  return intervalMs === null || restartMs === null || !/^\d+$/.test(burst)
    ? null
    : { burst: Number(burst), intervalMs, restartMs };
}

const ACTIVE_STATES = [
  'active',
  'reloading',
  'inactive',
  'failed',
  'activating',
  'deactivating',
  'maintenance',
] as const;

function activeState(value: string): UnitState['activeState'] {
  // `refreshing` (systemd 256) is a reload of another kind.
  if (value === 'refreshing') return 'reloading';
  const known = ACTIVE_STATES.find((state) => state === value);
  if (known !== undefined) return known;
  throw new AgentError(
    'SMM530',
    `cannot understand systemd: it calls the unit ${JSON.stringify(value)}`,
    'report this together with the output of systemctl --version',
  );
}
