/** What a service needs of its manager. */
export interface Surroundings {
  root: string;
  /** For every process, under the unit's own. */
  baseEnvironment: Record<string, string>;
  /** Milliseconds to wait for a span of a unit file: a sandbox does not wait as long as a machine. */
  timerMs(ms: number): number;
  /** A line that a process of the unit wrote. */
  journal(unit: string, line: string): void;
  /** A service that ended by itself is to start again. */
  onAutoRestart(unit: string): void;
}
