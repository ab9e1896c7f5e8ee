/**
 * Runs a host program to its end and keeps what it said. Every other file of the lab goes through here, so that no
 * failure is reported without the output which explains it.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Buffer;
  /** A file to be the standard input, instead of `input`: what is too big to hold in memory. */
  readonly inputFile?: string;
  /** The program is ended by SIGKILL after this; the outcome then carries the signal. */
  readonly timeoutMs?: number;
}

/** Resolves with the outcome for any exit status; rejects only when the program could not be started. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [program, ...args] = argv;
  if (program === undefined) return Promise.reject(new Error('cannot run an empty command'));
  const inputFd = options.inputFile === undefined ? undefined : openSync(options.inputFile, 'r');
  return new Promise<Outcome>((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [inputFd ?? 'pipe', 'pipe', 'pipe'],
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: 'SIGKILL' as const }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (cause) => reject(new Error(`cannot start ${program}`, { cause })));
    child.on('close', (status, signal) =>
      resolve({ status, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
    // A program that ends without reading its input is no error of ours: its status says what happened.
    child.stdin?.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error);
    });
    child.stdin?.end(options.input ?? '');
  }).finally(() => {
    if (inputFd !== undefined) closeSync(inputFd);
  });
}

/** Like run(), but a status other than 0 is an error that carries the command and all of its output. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const outcome = await run(argv, options);
  if (outcome.status === 0) return outcome.stdout;
  throw new Error(`cannot ${argv.join(' ')}: ${describe(outcome)}`);
}

export function describe({ status, signal, stdout, stderr }: Outcome): string {
  const end = signal === null ? `status ${status}` : `ended by ${signal}`;
  return [end, tail(stdout), tail(stderr)].filter((part) => part !== '').join('\n');
}

function tail(text: string): string {
  const trimmed = text.trim();
  return trimmed.length > 4000 ? `...${trimmed.slice(-4000)}` : trimmed;
}
