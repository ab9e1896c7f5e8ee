/** What systemd makes of the end of a process: success or not, $SERVICE_RESULT, $EXIT_STATUS, and whether to start again. Pure. */
import type { End } from './processes.ts';

/** Success of a main process that a stop or its terminal ended. */
const CLEAN_SIGNALS = new Set<NodeJS.Signals>(['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGPIPE']);

/** Whether the end of a main process counts as success. */
export function isClean(end: End): boolean {
  return end.code === 'exited' ? end.status === 0 : end.code === 'killed' && CLEAN_SIGNALS.has(end.signal);
}

/** $SERVICE_RESULT of an end. */
export function resultOf(end: End): string {
  if (isClean(end)) return 'success';
  return end.code === 'exited' ? 'exit-code' : end.code === 'dumped' ? 'core-dump' : 'signal';
}

/** $EXIT_STATUS: a number, or the signal's name without SIG. */
export function statusOf(end: End): string {
  return end.code === 'exited' ? String(end.status) : end.signal.slice(3);
}

/** `Restart=`, after an end with this result that nobody asked for. */
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
