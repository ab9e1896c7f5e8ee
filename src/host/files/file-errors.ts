/** Errors of the file system, as errors that an operator can act on. */
import { AgentError, isAgentError } from '../../base/errors.ts';

/** Whether a thrown value is the system error with this name, for example ENOENT. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** SMM520 for reading, SMM521 for the rest; SMM522 for a full disk or quota, with any verb. */
export function fileError(verb: 'read' | 'write' | 'remove' | 'copy', path: string, cause: unknown): AgentError {
  if (cause instanceof AgentError) return cause;
  if (hasCode(cause, 'ENOSPC') || hasCode(cause, 'EDQUOT')) {
    return new AgentError(
      'SMM522',
      `cannot ${verb} ${path}: the file system is full`,
      'make room; the agent removes half-written files by itself',
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

/** Whether this error means that the file system is full. */
export function isFull(error: unknown): error is AgentError {
  return isAgentError(error, 'SMM522');
}

/**
 * The system's message names the temporary file, whose name
 * changes: the same failure would be logged again at each try.
 */
function withoutPath(cause: unknown): unknown {
  if (!(cause instanceof Error) || !('syscall' in cause) || !('code' in cause)) return cause;
  const { message, code } = cause;
  return Object.assign(new Error(message.replace(/, \w+(?: '.*')?$/s, '')), { code });
}
