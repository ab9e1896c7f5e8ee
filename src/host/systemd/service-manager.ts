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
  /** When it became active or stopped being so, null where systemd has no record of it in this boot. */
  activeEnter: Date | null;
  inactiveEnter: Date | null;
  /** Files that configure it, in the order in which systemd reads them. */
  fragmentPath: string;
  dropInPaths: string[];
  /** The effective environment and commands, after all drop-ins: `Environment=` split into pairs, commands as systemd prints them. */
  environment: Record<string, string>;
  environmentFiles: string[];
  execStartPre: ExecCommand[];
  execStart: ExecCommand[];
  execStopPost: ExecCommand[];
  /** True when files changed on disk since systemd read them. */
  needDaemonReload: boolean;
  /** How often it may be started in which time, and the pause before it is started again; null where systemd does not say. */
  startLimit: { burst: number; intervalMs: number; restartMs: number } | null;
  /** Seconds since the epoch are not used: ids of the processes in the unit's cgroup. */
  pids: number[];
}

/** One `Exec*=` line: the program with its arguments, and whether a failure is ignored (`-`). */
export interface ExecCommand {
  argv: string[];
  ignoresFailure: boolean;
}

export interface ServiceManager {
  /** Reads afresh each time; rejects when systemd does not answer. */
  unit(name: string): Promise<UnitState>;
  /** The job queued or running for the unit (`start`, `stop`, `restart`, ...), null without one. */
  job(name: string): Promise<string | null>;
  daemonReload(): Promise<void>;
  /** `systemctl start --job-mode=fail`: never cancels what an operator has queued. Resolves when the job has ended. */
  start(name: string): Promise<void>;
  /** Forgets that the unit has failed, and how often it was started: else its next start may be refused. */
  resetFailed(name: string): Promise<void>;
  /** Only for `smm-agent restart-istio`: an operator's explicit wish. */
  restart(name: string): Promise<void>;
  /** `systemctl restart --no-block`: resolves once systemd has taken the job, which may end this very process. */
  requestRestart(name: string): Promise<void>;
}
