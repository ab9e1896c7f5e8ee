/** What lies in /opt/smm-agent on a machine, below another folder: the bundle as it ships, behind the launcher as it ships. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../scripts/project.ts';

export class Installation {
  readonly #launcher: string;

  private constructor(launcher: string) {
    this.#launcher = launcher;
  }

  /** `code` is what takes the place of smm-agent.js; `folder` must not exist. */
  static async make(folder: string, code: string): Promise<Installation> {
    const version = join(folder, 'versions/bench');
    await mkdir(version, { recursive: true });
    await writeFile(join(version, 'smm-agent.js'), code);
    await symlink(dirname(dirname(process.execPath)), join(version, 'node'));
    await symlink('versions/bench', join(folder, 'current'));
    const launcher = join(folder, 'smm-agent');
    const shipped = await readFile(join(projectRoot, 'systemd/bin/smm-agent'), 'utf8');
    const opt = /^opt=.*$/m;
    if (!opt.test(shipped)) throw new Error('the launcher does not say where it looks');
    await writeFile(launcher, shipped.replace(opt, `opt=${folder}`));
    await chmod(launcher, 0o755);
    return new Installation(launcher);
  }

  /** The launcher becomes the program by exec: the child's pid is that of Node. */
  start(args: readonly string[], env: Record<string, string>): ChildProcess {
    return spawn(this.#launcher, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

/** Ends a process at once and waits for its end. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once('exit', () => resolve());
  child.kill('SIGKILL');
  await promise;
}
