/** Files sourced by a real bash, as Istio's start script does it, where nothing but canaries can be run. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../src/host/programs/programs.ts';

/** Name of the file that each program of `makeCanaries` writes: the file exists once one of them has run. */
export const CANARY = 'canary';

/** A folder of programs that leave a canary in `folder`; it is to be the whole PATH. */
export async function makeCanaries(folder: string, names: readonly string[]): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const name of names) {
    await writeFile(join(bin, name), `#!/bin/sh\necho "$0" >> '${join(folder, CANARY)}'\n`);
    await chmod(join(bin, name), 0o755);
  }
  return bin;
}

/**
 * Sources each file in a shell of its own, with `set -ea`, and returns what bash then holds for the keys: one array of
 * values for each file, null where the file could not be sourced to its end.
 */
export async function sourceAll(
  folder: string,
  files: readonly { name: string; keys: readonly string[] }[],
  path = '/usr/bin:/bin',
): Promise<(string[] | null)[]> {
  const script = files.map(({ name, keys }) => {
    const values = keys.map((key) => `"\${${key}-}"`).join(' ');
    return `( set -ea; . ./${name}; set +a; printf '%s\\0' ok ${values} ); printf '\\1'`;
  });
  await writeFile(join(folder, 'source-all'), `${script.join('\n')}\n`);
  // Without --norc Debian's bash reads root's .bashrc here: it takes a socket as standard input for a remote shell.
  const result = await run(['/bin/bash', '--norc', 'source-all'], {
    cwd: folder,
    env: { PATH: path, LC_ALL: 'C.UTF-8' },
  });
  return result.stdout
    .split('\u0001')
    .slice(0, files.length)
    .map((output) => (output.startsWith('ok\0') ? output.slice(3).split('\0').slice(0, -1) : null));
}
