/** The content of /opt/smm-agent in another folder: a version and the scripts as the package installs them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { layOutVersion } from '../../packaging/release-folders.ts';
import { projectRoot } from '../../scripts/project.ts';

const VERSION = 'bench';

export class Installation {
  readonly #launcher: string;

  private constructor(launcher: string) {
    this.#launcher = launcher;
  }

  /** `code` is the content of smm-agent.js. `folder` must not exist. */
  static async make(folder: string, code: string): Promise<Installation> {
    const version = join(folder, 'versions', VERSION);
    layOutVersion(version, { version: VERSION, runtimeVersion: process.versions.node, code, copyright: '' });
    await symlink(dirname(dirname(process.execPath)), join(version, 'node'));
    await symlink(`versions/${VERSION}`, join(folder, 'current'));
    await cp(join(projectRoot, 'systemd/bin'), join(folder, 'bin'), { recursive: true });
    return new Installation(join(folder, 'bin/smm-agent'));
  }

  /** The launcher uses exec, so the pid of the child is that of Node. */
  start(args: readonly string[], env: Record<string, string>): ChildProcess {
    return spawn(this.#launcher, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

/** Kills a process and waits for its end. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once('exit', () => resolve());
  child.kill('SIGKILL');
  await promise;
}
