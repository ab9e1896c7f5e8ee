/** The real daemon, `smm-agent run`, as a process below the root of a machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { markOf } from './guard.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const { NODE_COMPILE_CACHE = '' } = process.env;
/** For an agent that runs from the sources: without the cache, each start removes the types from every file again. */
export const COMPILE_CACHE: Record<string, string> = NODE_COMPILE_CACHE === '' ? {} : { NODE_COMPILE_CACHE };

export class AgentProcess {
  readonly #root: string;
  readonly #path: string;
  readonly #onLine: (line: string) => void;
  #child: ChildProcess | null = null;

  /** `path` is the PATH of the machine. */
  constructor(root: string, path: string, onLine: (line: string) => void) {
    this.#root = root;
    this.#path = path;
    this.#onLine = onLine;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Starts the daemon. Without NOTIFY_SOCKET it does not talk to systemd. */
  start(environment: Record<string, string> = {}): void {
    if (this.#child !== null) throw new Error('cannot start the agent: it runs');
    const child = spawn(process.execPath, [MAIN, '--root', this.#root, 'run'], {
      cwd: this.#root,
      env: { PATH: this.#path, ...COMPILE_CACHE, ...markOf(this.#root), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      // In a session of its own: the demo, not the daemon, must receive Ctrl-C.
      detached: true,
    });
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', this.#onLine);
    child.once('exit', () => {
      if (this.#child === child) this.#child = null;
    });
    this.#child = child;
  }

  /** Resolves with the exit status or the name of the signal. */
  async ended(): Promise<number | string> {
    const child = this.#child;
    if (child === null) throw new Error('cannot wait for the agent: it does not run');
    const [status, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return status ?? signal ?? '';
  }

  /** Stops the daemon by SIGTERM. Resolves with the exit status. */
  async stop(): Promise<number | string> {
    const ended = this.ended();
    this.#child?.kill('SIGTERM');
    return ended;
  }

  /** Kills the daemon, as a power cut would. No error if it does not run. */
  async kill(): Promise<void> {
    if (this.#child === null) return;
    const ended = this.ended();
    this.discard();
    await ended;
  }

  /** Like `kill`, without waiting. */
  discard(): void {
    this.#child?.kill('SIGKILL');
  }
}
