/** What a command may touch of the process that it runs in. Tests give strings and temporary folders. */
import { AgentError } from '../errors.ts';
import type { Paths } from '../paths.ts';

export interface Output {
  write(text: string): unknown;
  /** True at a terminal: there progress is shown. */
  isTTY?: boolean;
}

export interface Io {
  stdout: Output;
  stderr: Output;
  stdin: AsyncIterable<string | Uint8Array>;
  paths: Paths;
  env: NodeJS.ProcessEnv;
}

/** Rejects with SMM602 unless the process may change the machine. Under another root (demo, tests) the files' modes decide. */
export function requireRoot({ paths }: Io, command: string): void {
  if (paths.root !== '/' || process.getuid?.() === 0) return;
  throw new AgentError(
    'SMM602',
    `cannot run ${command} as this user: it changes the machine`,
    `run sudo smm-agent ${command}`,
  );
}
