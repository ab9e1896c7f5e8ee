/** Long-running programs of the lab: each in a session of its own, its output in a file, its identity in the ledger. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Hopeless } from '../until.ts';
import type { Ledger } from './ledger.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

export interface DaemonOptions {
  readonly what: string;
  readonly argv: readonly string[];
  readonly logFile: string;
  /** The network namespace to run in. nsenter becomes the program, so the pid is the program's own. */
  readonly netns?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Daemon {
  readonly what: string;
  readonly identity: ProcessIdentity;
  readonly logFile: string;
}

export interface RunningDaemon extends Daemon {
  /** The exit status, -1 for an end by a signal. Known only to the process that started it. */
  readonly ended: Promise<number>;
  stop(): Promise<void>;
}

export function startDaemon(ledger: Ledger, options: DaemonOptions): RunningDaemon {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  const [program, ...args] = inNamespace(options.netns, options.argv);
  if (program === undefined) throw new Error(`cannot start ${options.what}: an empty command`);
  const child = spawn(program, args, {
    // Ctrl-C at a terminal is for the run, which ends its programs in the right order.
    detached: true,
    stdio: ['ignore', log, log],
    cwd: options.cwd ?? '/',
    env: { ...process.env, ...options.env },
  });
  closeSync(log);
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', (cause) => reject(new Error(`cannot start ${options.what}`, { cause })));
    child.on('exit', (status) => resolve(status ?? -1));
  });
  // A caller that awaits `ended` sees the failure. Where none awaits it, the failure must not end the run.
  ended.catch(() => undefined);
  child.unref();
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity === undefined)
    throw new Error(`cannot start ${options.what}: it was gone at once; ${logTail(options.logFile)}`);
  const stop = ledger.add({ kind: 'process', what: options.what, identity });
  return { what: options.what, identity, logFile: options.logFile, ended, stop };
}

function inNamespace(netns: string | undefined, argv: readonly string[]): readonly string[] {
  return netns === undefined ? argv : ['nsenter', `--net=/run/netns/${netns}`, '--', ...argv];
}

/** For a wait: a daemon that has ended will never become ready, and its log says why. */
export function assertAlive(daemon: Daemon): void {
  if (!isAlive(daemon.identity)) throw new Hopeless(`${daemon.what} has ended; ${logTail(daemon.logFile)}`);
}

export function logTail(logFile: string): string {
  return `the end of ${logFile}:\n${readFileSync(logFile, 'utf8').slice(-3000)}`;
}
