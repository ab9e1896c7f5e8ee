/** A process that sees to it that nothing of a machine is left, also when this process is ended by SIGKILL. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const SCRIPT = join(import.meta.dirname, 'guard.sh');

/** What processes of the machine below `root` are known by. */
export function markOf(root: string): Record<string, string> {
  return { SMM_SANDBOX: root };
}

export class Guard {
  readonly #folders: readonly [root: string, ...string[]];
  #process: ChildProcess | null = null;

  /** The folders are removed; processes of the first one's machine are ended. */
  constructor(folders: readonly [root: string, ...string[]]) {
    this.#folders = folders;
  }

  start(): void {
    // A session of its own: Ctrl-C at the terminal is not meant for it.
    const guard = spawn('/bin/sh', [SCRIPT, ...this.#folders], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    guard.unref();
    this.#process = guard;
  }

  /** All is tidy already. */
  dismiss(): void {
    this.#process?.kill('SIGKILL');
    this.#process = null;
  }
}
