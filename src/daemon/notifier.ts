/**
 * What systemd is told about the daemon: READY, STATUS and the watchdog. Silent where nothing listens. Each message is a program of a
 * few milliseconds. Before 246, systemd loses what comes from a process that has ended by the time at which it looks whose it is (systemd
 * issue 2737; from then on the program waits until it has looked). `--pid` helps only who has CAP_SYS_ADMIN, which this unit is not to
 * have. So nothing depends on a single message: each is repeated, or said again with the next one.
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
  /** Aborted when the daemon ends: a message that is due later comes no more. */
  signal: AbortSignal;
}

/** When READY is said again, in milliseconds after the one before: within TimeoutStartSec (30 s), and soon, since a start waits for it. */
const READY_AGAIN_MS = [1_000, ...Array.from({ length: 13 }, () => 2_000)];

/** `socket` is $NOTIFY_SOCKET; undefined means that the agent was not started by systemd. */
export function notifierFor(socket: string | undefined, parts: NotifierParts): Notifier {
  if (socket === undefined) {
    const nothing = async () => {};
    return { ready: nothing, status: nothing, watchdog: nothing };
  }
  const { log, clock, runProgram, signal } = parts;
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
  const sayReady = () => tell('that the daemon is ready', () => send({ ready: true, status: said }));
  /** To a service that is up already, READY says nothing new. */
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
    // The package knows READY and STATUS only; the program that it runs knows the watchdog too.
    watchdog: () =>
      tell('that the daemon lives', async () => {
        const status = said === '' ? [] : [`--status=${said}`];
        const argv = ['systemd-notify', `--pid=${process.pid}`, ...status, 'WATCHDOG=1'] as const;
        const ended = await runProgram([...argv], { env: { NOTIFY_SOCKET: socket } });
        if (ended.status !== 0) throw new Error(ended.stderr.trim() || `systemd-notify ended with ${ended.status}`);
      }),
  };
}
