/**
 * Errors that an operator can act on: a code of the catalogue, a sentence that starts with "cannot" (or names what is
 * wrong), a remedy.
 */

import type { ErrorCode } from './error-codes.ts';
import { hideSecrets } from './secrets.ts';

/** An error that an operator can act on. `message` is a sentence in lower case, `remedy` says what to do. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: ErrorCode;
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, remedy: string, options?: ErrorOptions) {
    // A message may quote a URL, and it goes to the journal, to the cluster, and to files that every user may read.
    super(hideSecrets(message), options);
    this.code = code;
    this.remedy = remedy;
  }
}

/** The sentence of any thrown value, with the sentences of its causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return hideSecrets(String(error));
  const message = hideSecrets(error.message);
  if (error.cause === undefined) return message;
  const cause = describeError(error.cause);
  // An error that wraps the error of a library often repeats its words.
  return message.includes(cause) ? message : `${message}: ${cause}`;
}

/** Whether this is an error with one of these codes. */
export function isAgentError(error: unknown, ...codes: readonly ErrorCode[]): error is AgentError {
  return error instanceof AgentError && codes.includes(error.code);
}
