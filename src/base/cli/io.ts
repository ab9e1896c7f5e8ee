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
  /** What was typed after the name of the program; left out where a command is run by another one. */
  argv?: readonly string[];
}

/** Rejects with SMM602 unless the process is root's. Under another root (demo, tests) the files' modes decide. */
export function requireRoot({ paths, argv }: Io, command: string, reason = 'it changes the machine'): void {
  if (paths.root !== '/' || process.getuid?.() === 0) return;
  const sentence = `cannot run smm-agent ${command} as this user: ${reason}`;
  throw new AgentError(
    'SMM602',
    sentence,
    `run it as root: sudo smm-agent ${(argv ?? [command]).map(quoted).join(' ')}`,
  );
}

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
