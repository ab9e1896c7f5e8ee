/** The real daemon, as a process of its own below a machine's root: `smm-agent run`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { markOf } from './guard.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const { NODE_COMPILE_CACHE = '' } = process.env;
/** For the agent out of the sources: without it, each start takes the types out of every file anew. */
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

  /** Starts the daemon. Without NOTIFY_SOCKET, it waits for no systemd. */
  start(environment: Record<string, string> = {}): void {
    if (this.#child !== null) throw new Error('cannot start the agent: it runs');
    const child = spawn(process.execPath, [MAIN, '--root', this.#root, 'run'], {
      cwd: this.#root,
      env: { PATH: this.#path, ...COMPILE_CACHE, ...markOf(this.#root), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Of a session of its own: Ctrl-C at the terminal is the demo's to handle.
      detached: true,
    });
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', this.#onLine);
    child.once('exit', () => {
      if (this.#child === child) this.#child = null;
    });
    this.#child = child;
  }

  /** Resolves with the exit status, or the signal's name. */
  async ended(): Promise<number | string> {
    const child = this.#child;
    if (child === null) throw new Error('cannot wait for the agent: it does not run');
    const [status, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return status ?? signal ?? '';
  }

  /** In order; resolves with the exit status. */
  async stop(): Promise<number | string> {
    const ended = this.ended();
    this.#child?.kill('SIGTERM');
    return ended;
  }

  /** At once, as by a cut of the power; no error when it does not run. */
  async kill(): Promise<void> {
    if (this.#child === null) return;
    const ended = this.ended();
    this.discard();
    await ended;
  }

  /** As `kill`, without waiting. */
  discard(): void {
    this.#child?.kill('SIGKILL');
  }
}
