/** What a service needs of its manager. */
export interface Surroundings {
  root: string;
  /** For every process, under the unit's own. */
  baseEnvironment: Record<string, string>;
  /** $NOTIFY_SOCKET of those who may use it. */
  notifySocket: string;
  /**
   * Milliseconds to wait for a delay of a unit file (RestartSec=, --on-active=): a sandbox does not wait as long as a machine.
   * Deadlines (Timeout*Sec=, WatchdogSec=) are not shortened: one that is kept costs no time, and a shorter one would end what is
   * only slow because the machine is busy. A test that is to see one pass writes a short one into a drop-in.
   */
  delayMs(ms: number): number;
  /** A line of the unit's journal: by a process of this invocation, or by systemd itself without one. */
  journal(unit: string, line: string, invocation?: string): void;
  /** A service that ended by itself is to start again. */
  onAutoRestart(unit: string): void;
}
