/** What the file system says, as errors that an operator can act on. */
import { AgentError } from '../../base/errors.ts';

/** Whether a thrown value is the system error with this name, for example ENOENT. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** SMM520 for reading, SMM521 for the rest; a full disk or quota is SMM522 whatever was being done. */
export function fileError(verb: 'read' | 'write' | 'remove' | 'copy', path: string, cause: unknown): AgentError {
  if (cause instanceof AgentError) return cause;
  if (hasCode(cause, 'ENOSPC') || hasCode(cause, 'EDQUOT')) {
    return new AgentError(
      'SMM522',
      `cannot ${verb} ${path}: the file system is full`,
      'make room; what was half written is removed by itself',
      { cause: withoutPath(cause) },
    );
  }
  return new AgentError(
    verb === 'read' ? 'SMM520' : 'SMM521',
    `cannot ${verb} ${path}`,
    'check its owner and mode, and that the file system is writable',
    { cause: withoutPath(cause) },
  );
}

/** Whether it is for lack of room that something could not be written. */
export function isFull(error: unknown): error is AgentError {
  return error instanceof AgentError && error.code === 'SMM522';
}

/** The system names the temporary file, which is another one each time: the same failure would be told anew at each try. */
function withoutPath(cause: unknown): unknown {
  if (!(cause instanceof Error) || !('syscall' in cause) || !('code' in cause)) return cause;
  const { message, code } = cause;
  return Object.assign(new Error(message.replace(/, \w+(?: '.*')?$/s, '')), { code });
}
