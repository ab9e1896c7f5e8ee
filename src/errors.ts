/**
 * One catalogue of what can go wrong. Each error has a code that never changes, a sentence that
 * starts with "cannot" (or names what is wrong), and what to do about it. docs/errors.md lists them.
 */

/** Codes by room: 1xx configuration, 2xx control plane, 3xx VM configuration, 4xx releases, 5xx host and Istio's unit, 6xx command line. */
export type ErrorCode = `SMM${1 | 2 | 3 | 4 | 5 | 6}${number}`;

/** An error that an operator can act on. `message` is a sentence in lower case, `remedy` says what to do. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: ErrorCode;
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.remedy = remedy;
  }
}

/** The sentence of any thrown value, with the sentences of its causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describeError(error.cause)}`;
}
