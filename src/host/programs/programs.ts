/**
 * The only way in which the agent runs other programs: no shell, a clean environment, a deadline, bounded output.
 */
import { AgentError } from '../../base/errors.ts';
import { type Program, type ProgramEnd, type ProgramOptions, startProgram } from './program-group.ts';

export interface RunOptions extends ProgramOptions {
  /** Milliseconds until the program and what it has started are killed, and nobody waits any longer. */
  timeoutMs?: number;
  input?: string;
  /** Ends the program when aborted. */
  signal?: AbortSignal;
  /** Called with the id of the process before anything can have reaped it, also when it has ended already. */
  begun?: (pid: number) => void;
}

export interface RunResult extends ProgramEnd {
  stdout: string;
  stderr: string;
}

const MAX_OUTPUT_CHARS = 4_000_000;
/** What a program has said before its end is in the pipe by then, and is read within this time. */
const LAST_WORDS_MS = 500;

/**
 * Runs a program to its end and returns what it printed, whatever its exit status. Children of it that are still there
 * half a second later are killed, and never waited for. Rejects with SMM501 when it cannot be started, SMM502 at the
 * deadline, even if the program cannot be killed, and with the signal's reason.
 */
export async function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<RunResult> {
  const { timeoutMs = 30_000, signal, input = '' } = options;
  signal?.throwIfAborted();
  const program = startProgram(argv, options);
  if (program.pid !== undefined) options.begun?.(program.pid);
  const output = collect(program);
  program.stdin.end(input);
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(() => over.reject(late(argv, timeoutMs)), timeoutMs);
  const onAbort = () => over.reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const end = await Promise.race([program.ended, over.promise]);
    const isClosed = await Promise.race([program.closed.then(() => true), after(LAST_WORDS_MS)]);
    if (!isClosed) program.kill();
    return { ...end, ...output };
  } catch (error) {
    program.kill();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    program.release();
  }
}

function collect(program: Program): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    program[stream].setEncoding('utf8').on('data', (text: string) => {
      if (output[stream].length < MAX_OUTPUT_CHARS) output[stream] += text;
    });
  }
  return output;
}

function late(argv: readonly string[], timeoutMs: number): AgentError {
  const message = `cannot wait for ${argv.join(' ')}: it did not end within ${timeoutMs / 1000} s`;
  return new AgentError('SMM502', message, 'look at the load of the machine and try again');
}

/** Keeps no process alive. */
function after(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, ms, false).unref());
}
