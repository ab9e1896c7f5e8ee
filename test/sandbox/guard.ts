/** A process that removes a machine when this process ends, even by SIGKILL. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const SCRIPT = join(import.meta.dirname, 'guard.sh');

/** The environment variable by which the processes of the machine below `root` are recognised. */
export function markOf(root: string): Record<string, string> {
  return { SMM_SANDBOX: root };
}

export class Guard {
  readonly #folders: readonly [root: string, ...string[]];
  #process: ChildProcess | null = null;

  /** Removes the folders, and ends the processes of the machine in the first folder, when this process ends. */
  constructor(folders: readonly [root: string, ...string[]]) {
    this.#folders = folders;
  }

  start(): void {
    // In a session of its own, so that it does not receive Ctrl-C.
    const guard = spawn('/bin/sh', [SCRIPT, ...this.#folders], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    guard.unref();
    this.#process = guard;
  }

  /** Ends the guard, because the machine is removed already. */
  dismiss(): void {
    this.#process?.kill('SIGKILL');
    this.#process = null;
  }
}
