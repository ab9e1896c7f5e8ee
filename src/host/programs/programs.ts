/**
 * Runs other programs: no shell, a clean environment, a deadline, bounded output. Only two files beside this one start
 * programs: program-output.ts, for output that is too large to keep, and src/host/files/file-lock.ts, for flock.
 */
import { AgentError } from '../../base/errors.ts';
import { type Program, type ProgramEnd, type ProgramOptions, startProgram } from './program-group.ts';

export interface RunOptions extends ProgramOptions {
  /** Milliseconds until the program and its children are killed, and the call rejects. */
  timeoutMs?: number;
  input?: string;
  /** Ends the program when aborted. */
  signal?: AbortSignal;
  /** Called with the id of the process before it can have been reaped, also when it has ended already. */
  begun?: (pid: number) => void;
}

export interface RunResult extends ProgramEnd {
  stdout: string;
  stderr: string;
}

const MAX_OUTPUT_CHARS = 4_000_000;
/** A program's output is in the pipe when the program ends, and is read within this time. */
const LAST_WORDS_MS = 500;

/**
 * Runs a program to its end and returns its output, with any exit status. Children of it that still run half a second
 * later are killed, and not waited for. Rejects with SMM501 when the program cannot be started, SMM502 at the deadline,
 * even if it cannot be killed, and with the signal's reason.
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

/** The timer does not keep this process alive. */
function after(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, ms, false).unref());
}
