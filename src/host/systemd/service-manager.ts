/** What the agent asks of systemd. src/host/systemd/systemd.ts answers on a real machine; the demo brings its own. */

/** The unit as systemd sees it now: `systemctl show`, typed. */
export interface UnitState {
  /** False when systemd knows no such unit. */
  exists: boolean;
  activeState: 'active' | 'reloading' | 'inactive' | 'failed' | 'activating' | 'deactivating' | 'maintenance';
  /** For example `running`, `dead`, `auto-restart`. */
  subState: string;
  /** `UnitFileState`: enabled, disabled, masked, static, ... */
  unitFileState: string;
  /** Result of the last run: success, exit-code, signal, timeout, ... */
  result: string;
  /** When it became active, and when inactive; null if systemd has no record of that in this boot. */
  activeEnter: Date | null;
  inactiveEnter: Date | null;
  /** Files that configure it, in the order in which systemd reads them. */
  fragmentPath: string;
  dropInPaths: string[];
  /**
   * The effective environment and commands, after all drop-ins:
   * `Environment=` split into pairs, commands as systemd prints them.
   */
  environment: Record<string, string>;
  environmentFiles: string[];
  execStartPre: ExecCommand[];
  execStart: ExecCommand[];
  execStopPost: ExecCommand[];
  /**
   * At most `burst` starts in `intervalMs`; `restartMs` is the pause before a restart. null if systemd does not say.
   */
  startLimit: { burst: number; intervalMs: number; restartMs: number } | null;
  /** Ids of the processes in the unit's cgroup. */
  pids: number[];
}

/** Whether the unit cannot be started at all. Also `masked-runtime`. */
export function isMasked({ unitFileState }: Pick<UnitState, 'unitFileState'>): boolean {
  return unitFileState.startsWith('masked');
}

/** One `Exec*=` line: the program with its arguments. */
export interface ExecCommand {
  argv: string[];
}

export interface ServiceManager {
  /** Reads afresh each time; rejects when systemd does not answer. */
  unit(name: string): Promise<UnitState>;
  /** The job that is queued or runs for the unit (`start`, `stop`, `restart`, ...), null without one. */
  job(name: string): Promise<string | null>;
  daemonReload(): Promise<void>;
  /** `systemctl start --job-mode=fail`: never cancels what an operator has queued. Resolves when the job has ended. */
  start(name: string): Promise<void>;
  /** Forgets that the unit has failed, and how often it was started: else its next start may be refused. */
  resetFailed(name: string): Promise<void>;
  /** Only for `smm-agent restart-istio`: an explicit request by an operator. */
  restart(name: string): Promise<void>;
  /** `systemctl restart --no-block`: resolves once systemd has accepted the job, which may end this very process. */
  requestRestart(name: string): Promise<void>;
}
