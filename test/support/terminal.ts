/** A machine under a temporary root, and its operator's terminal: runs commands and keeps what they print. */
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Paths, pathsUnder } from '../../src/base/paths.ts';
import { dispatch } from '../../src/cli/dispatch.ts';

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Terminal extends AsyncDisposable {
  paths: Paths;
  /** Runs `smm-agent <args>` with this on standard input. */
  type(args: readonly string[], input?: string): Promise<Ended>;
  /** The text of agent.yaml. */
  config(): Promise<string>;
  writeConfig(text: string | Buffer, mode?: number): Promise<void>;
  modeOf(path: string): Promise<number>;
}

/** With /etc/smm there, as the package ships it, and no agent.yaml. Removed by `await using`. */
export async function openTerminal(): Promise<Terminal> {
  const root = await mkdtemp(join(tmpdir(), 'smm-cli-'));
  const paths = pathsUnder(root);
  await mkdir(join(root, 'etc/smm'), { recursive: true, mode: 0o755 });
  return {
    paths,
    async type(args, input = '') {
      let stdout = '';
      let stderr = '';
      const code = await dispatch(args, {
        stdout: { write: (text) => (stdout += text) },
        stderr: { write: (text) => (stderr += text) },
        stdin: (async function* () {
          yield input;
        })(),
        env: { SMM_ROOT: root },
      });
      return { code, stdout, stderr };
    },
    config: () => readFile(paths.config, 'utf8'),
    async writeConfig(text, mode = 0o644) {
      await rm(paths.config, { force: true });
      await writeFile(paths.config, text, { mode });
    },
    modeOf: async (path) => (await stat(path)).mode & 0o7777,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true }),
  };
}
