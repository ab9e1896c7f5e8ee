/** The environment variables that systemd sets for a command of a unit. Pure. */

import { statusOf } from './ends.ts';
import type { End } from './processes.ts';
import type { UnitState } from './unit-state.ts';
import { directoryVariables } from './units/directories.ts';
import type { ServiceSettings } from './units/settings.ts';

export interface Facts {
  state: UnitState;
  settings: ServiceSettings;
  /** How the main process of this invocation ended; null before, and if there was none. */
  mainEnd: End | null;
  notifySocket: string;
}

/** For the main process. */
export function toldToMain(
  settings: ServiceSettings,
  state: UnitState,
  { notifySocket }: { notifySocket: string },
): Record<string, string> {
  return {
    ...toldToAll(state, settings),
    ...(settings.notifyAccess === 'none' ? {} : { NOTIFY_SOCKET: notifySocket }),
  };
}

/** For ExecStartPre, ExecReload and ExecStopPost. EXIT_CODE is missing if the main process never ran. */
export function toldToControl({ state, settings, mainEnd, notifySocket }: Facts): Record<string, string> {
  return {
    ...toldToAll(state, settings),
    ...(state.active === 'deactivating' ? { SERVICE_RESULT: state.result } : {}),
    ...(mainEnd === null ? {} : { EXIT_CODE: mainEnd.code, EXIT_STATUS: statusOf(mainEnd) }),
    ...(state.mainPid === 0 ? {} : { MAINPID: String(state.mainPid) }),
    ...(settings.notifyAccess === 'all' ? { NOTIFY_SOCKET: notifySocket } : {}),
  };
}

function toldToAll({ invocation }: UnitState, { directories, watchdogMs }: ServiceSettings): Record<string, string> {
  return {
    INVOCATION_ID: invocation,
    ...directoryVariables(directories),
    // No WATCHDOG_PID, because a process has no id before it is started.
    ...(Number.isFinite(watchdogMs) ? { WATCHDOG_USEC: String(watchdogMs * 1000) } : {}),
  };
}
