/** The journal's lines about the steps of a turn. */
import type { Log } from '../host/log/log.ts';
import type { TurnEvent } from '../turn/events.ts';

/**
 * One line for each step that was done or failed, and one for the beginning of the agent's own upgrade, since the log
 * may end there. Facts have their lines from the status, when they change.
 */
export function stepLog(log: Log): (event: TurnEvent) => void {
  // A step that fails in the same way at each try has one line, until it succeeds.
  const failures = new Map<string, string>();
  return (event) => {
    if (event.kind === 'detail') log.debug(event.text, event.fields);
    if (event.kind === 'begun' && event.step === 'upgrade-agent') log.info(`upgrading: ${event.text}`);
    if (event.kind === 'done') {
      failures.delete(event.step);
      log.info(event.text, { step: event.step });
    }
    if (event.kind !== 'failed' || event.step === 'turn' || failures.get(event.step) === event.text) return;
    failures.set(event.step, event.text);
    log.error(event.text, { step: event.step, remedy: event.remedy });
  };
}
