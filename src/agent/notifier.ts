/** What systemd is told about the daemon: READY, STATUS and the watchdog. Silent where nothing listens. */

import type { Log } from '../host/log.ts';
import type { run } from '../host/programs.ts';

export interface Notifier {
  ready(status: string): Promise<void>;
  status(text: string): Promise<void>;
  watchdog(): Promise<void>;
}

/**
 * `socket` is $NOTIFY_SOCKET; undefined means that the agent was not started by systemd. `runProgram` runs systemd's programs
 * of this machine.
 */
export function notifierFor(socket: string | undefined, log: Log, runProgram: typeof run): Notifier {
  if (socket === undefined) {
    const nothing = async () => {};
    return { ready: nothing, status: nothing, watchdog: nothing };
  }
  let said = '';
  /** A message that systemd did not take is told, and costs nothing else: the watchdog decides about a real fault. */
  const tell = async (what: string, send: () => Promise<unknown>) => {
    try {
      await send();
    } catch (error) {
      log.warn(`cannot tell systemd ${what}`, { error: String(error) });
    }
  };
  const send = async (options: { ready?: true; status: string }) => {
    const { default: notify } = await import('systemd-notify');
    await notify(options);
  };
  return {
    ready: (status) => {
      said = status;
      return tell('that the daemon is ready', () => send({ ready: true, status }));
    },
    status: async (status) => {
      if (status === said) return;
      said = status;
      await tell('the status', () => send({ status }));
    },
    // The package knows READY and STATUS only; the program that it runs knows the watchdog too.
    watchdog: () =>
      tell('that the daemon lives', () =>
        runProgram(['systemd-notify', `--pid=${process.pid}`, 'WATCHDOG=1'], { env: { NOTIFY_SOCKET: socket } }),
      ),
  };
}
