/**
 * How systemd judges the end of a process: success or not, $SERVICE_RESULT, $EXIT_STATUS, and whether to restart. Pure.
 */
import type { End } from './processes.ts';

/** The signals of a stop or of a terminal: a main process that they end is successful. */
const CLEAN_SIGNALS = new Set<NodeJS.Signals>(['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGPIPE']);

/** Whether the end of a main process counts as success. */
export function isClean(end: End): boolean {
  return end.code === 'exited' ? end.status === 0 : end.code === 'killed' && CLEAN_SIGNALS.has(end.signal);
}

/** $SERVICE_RESULT for an end. */
export function resultOf(end: End): string {
  if (isClean(end)) return 'success';
  return end.code === 'exited' ? 'exit-code' : end.code === 'dumped' ? 'core-dump' : 'signal';
}

/** $EXIT_STATUS: a number, or the name of the signal without SIG. */
export function statusOf(end: End): string {
  return end.code === 'exited' ? String(end.status) : end.signal.slice(3);
}

/** Whether `Restart=` restarts the service after it ended by itself with this result. */
export function restartsAfter(restart: string, result: string): boolean {
  switch (restart) {
    case 'always':
      return true;
    case 'on-success':
      return result === 'success';
    case 'on-failure':
      return result !== 'success';
    case 'on-abnormal':
      return result !== 'success' && result !== 'exit-code';
    default:
      return false;
  }
}
