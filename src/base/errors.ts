/**
 * One catalogue of what can go wrong. Each error has a code that never changes, a sentence that
 * starts with "cannot" (or names what is wrong), and what to do about it. docs/errors.md lists them.
 */

import { hideSecrets } from './secrets.ts';

/**
 * Codes by room: 1xx configuration, 2xx control plane, 3xx VM configuration, 4xx releases and repository, 5xx host and
 * Istio's unit, 6xx command line, 7xx the agent's own upgrade.
 */
export type ErrorCode = `SMM${1 | 2 | 3 | 4 | 5 | 6 | 7}${number}`;

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
