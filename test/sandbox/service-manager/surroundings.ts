/** What a service needs from its manager. */
export interface Surroundings {
  root: string;
  /** Variables for every process. Those of the unit have precedence. */
  baseEnvironment: Record<string, string>;
  /** $NOTIFY_SOCKET for the processes that may use it. */
  notifySocket: string;
  /**
   * The milliseconds to wait for a delay of a unit file (RestartSec=, --on-active=). A sandbox shortens delays.
   * Deadlines (Timeout*Sec=, WatchdogSec=) are not shortened: a deadline that is met takes no time, and a shorter one
   * would end processes that are only slow on a busy machine. A test that waits for a deadline writes a short one into
   * a drop-in.
   */
  delayMs(ms: number): number;
  /**
   * Writes a line into the journal of the unit: of a process of this invocation or, without an invocation, of systemd.
   */
  journal(unit: string, line: string, invocation?: string): void;
  /** Called when a service that ended by itself must start again. */
  onAutoRestart(unit: string): void;
}
