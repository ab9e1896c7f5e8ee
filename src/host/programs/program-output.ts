/** Runs programs whose output is too large to keep: it is consumed as it comes. programs.ts runs the others. */
import { PassThrough, type Readable } from 'node:stream';
import { AgentError } from '../../base/errors.ts';
import { type Program, type ProgramOptions, startProgram } from './program-group.ts';

export interface StreamOptions extends ProgramOptions {
  /** Milliseconds until the program and its children are killed, and the call rejects. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

const MAX_STDERR_CHARS = 4000;
/**
 * A program's output is in the pipe when the program ends; if the pipe is silent for so long, a child holds it open.
 */
const SILENCE_MS = 1000;

/**
 * Runs a program in a clean environment and hands its standard output to `consume`. The program is killed, with its
 * children, when `consume` rejects, at the deadline (SMM502) or on abort. The output ends with the program, also if a
 * child still holds the pipe. An exit status other than 0 is SMM503 with the program's stderr. It comes before an error
 * of `consume`: a program that fails cuts its output off.
 */
export async function consumeOutput<T>(
  argv: readonly [string, ...string[]],
  options: StreamOptions,
  consume: (stdout: Readable) => Promise<T>,
): Promise<T> {
  const { signal, timeoutMs } = options;
  signal?.throwIfAborted();
  const program = startProgram(argv, options);
  program.stdin.end();
  let stderr = '';
  program.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR_CHARS);
  });
  const output = endingWith(program);
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(() => over.reject(late(argv, timeoutMs)), timeoutMs);
  const onAbort = () => over.reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const consumed = consume(output).then(
      (value) => ({ value }),
      (error: unknown) => {
        // A program that is still writing must not wait for a reader that has gone.
        if (!output.readableEnded && !program.hasEnded()) throw error;
        return { error };
      },
    );
    const outcome = await Promise.race([consumed, over.promise]);
    const { status } = await Promise.race([program.ended, over.promise]);
    if (status !== 0) {
      const message = `cannot complete ${argv.join(' ')}: it ended with status ${status}: ${stderr.trim()}`;
      throw new AgentError('SMM503', message, 'put right what the message of the program names, and try again');
    }
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  } catch (error) {
    program.kill();
    output.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    program.release();
  }
}

/** Standard output of the program, ended at the latest when the program has ended and nothing more comes. */
function endingWith({ stdout, ended, kill }: Program): PassThrough {
  const output = stdout.pipe(new PassThrough());
  let isSilent = false;
  stdout.on('data', () => {
    isSilent = false;
  });
  const look = (timer: NodeJS.Timeout) => {
    // While the reader is slow, the pipe is not silent.
    if (isSilent && !output.writableNeedDrain && output.readableLength === 0) {
      kill();
      stdout.unpipe(output);
      output.end();
    }
    isSilent = true;
    if (output.writableEnded || output.destroyed) clearInterval(timer);
  };
  ended.then(
    () => {
      const timer = setInterval(() => look(timer), SILENCE_MS);
    },
    // The caller of consumeOutput learns why the program did not start.
    (error: unknown) => output.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return output;
}

function late([program]: readonly string[], timeoutMs: number): AgentError {
  return new AgentError(
    'SMM502',
    `cannot wait for ${program}: it did not end within ${timeoutMs / 1000} s`,
    'look at the load of the machine and try again',
  );
}
