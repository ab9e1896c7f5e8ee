/** For all commands: where the project is, and how to run a program in it. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

export const projectRoot = join(import.meta.dirname, '..');

interface PackageJson {
  version: string;
  config: { runtime: string };
  scripts: Record<string, string>;
}

export function packageJson(): PackageJson {
  return JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as PackageJson;
}

/**
 * Runs a program in the project's folder with this process's output. Resolves
 * with its exit status (128 + n for signal n); rejects when it cannot be started.
 */
export function runHere(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const child = spawn(program, args, { cwd: projectRoot, stdio: 'inherit', env });
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, pass);
  child.on('error', reject);
  child.on('close', (status, signal) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, pass);
    resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal]));
  });
  return promise;
}
