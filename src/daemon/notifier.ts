/**
 * Sends READY, STATUS and the watchdog's messages to systemd; does nothing without systemd. Each message is sent by a
 * program that runs for a few milliseconds. A systemd before 246 loses a message if this program has exited before
 * systemd looks up its unit (systemd issue 2737; since 246 the program waits for systemd). The option `--pid` needs
 * CAP_SYS_ADMIN, which this unit must not have. So nothing depends on a single message: each is repeated, or sent again
 * with the next one.
 */

import type { Clock } from '../host/clock.ts';
import type { Log } from '../host/log/log.ts';
import type { run } from '../host/programs/programs.ts';

export interface Notifier {
  ready(status: string): Promise<void>;
  status(text: string): Promise<void>;
  watchdog(): Promise<void>;
}

export interface NotifierParts {
  log: Log;
  clock: Clock;
  /** Runs systemd's programs of this machine. */
  runProgram: typeof run;
  /** Aborted when the daemon ends: then no message is repeated any more. */
  signal: AbortSignal;
}

/**
 * Waits before READY is repeated: all within TimeoutStartSec (30 s), the first one short, since systemctl start waits
 * for READY.
 */
const READY_AGAIN_MS = [1_000, ...Array.from({ length: 13 }, () => 2_000)];

/** `socket` is $NOTIFY_SOCKET; undefined means that the agent was not started by systemd. */
export function notifierFor(socket: string | undefined, parts: NotifierParts): Notifier {
  if (socket === undefined) {
    const nothing = async () => {};
    return { ready: nothing, status: nothing, watchdog: nothing };
  }
  const { log, clock, runProgram, signal } = parts;
  let said = '';
  /** A message that fails is only logged: if systemd gets no messages at all, its watchdog stops the agent. */
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
  const sayReady = () => tell('that the daemon is ready', () => send({ ready: true, status: said }));
  /** A second READY has no effect on a service that has started. */
  const sayReadyAgain = async () => {
    for (const ms of READY_AGAIN_MS) {
      await clock.sleep(ms, signal);
      await sayReady();
    }
  };
  return {
    ready: async (status) => {
      said = status;
      await sayReady();
      sayReadyAgain().catch((error: unknown) => {
        if (!signal.aborted)
          log.warn('cannot wait to tell systemd again that the daemon is ready', { error: String(error) });
      });
    },
    status: async (status) => {
      if (status === said) return;
      said = status;
      await tell('the status', () => send({ status }));
    },
    // The npm package can send READY and STATUS only, so run the program systemd-notify itself.
    watchdog: () =>
      tell('that the daemon works', async () => {
        const status = said === '' ? [] : [`--status=${said}`];
        const argv = ['systemd-notify', `--pid=${process.pid}`, ...status, 'WATCHDOG=1'] as const;
        const ended = await runProgram([...argv], { env: { NOTIFY_SOCKET: socket } });
        if (ended.status !== 0)
          throw new Error(ended.stderr.trim() || `systemd-notify exited with status ${ended.status}`);
      }),
  };
}
