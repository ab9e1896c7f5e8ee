/**
 * Everything that can go wrong between the agent and the Kubernetes
 * API, each with a kind, a code and a sentence of its own.
 */
import type { CodeOf } from '../../base/error-codes.ts';
import { AgentError } from '../../base/errors.ts';

export type FailureKind =
  /** The token or the CA file on this machine cannot be used: nothing was sent. */
  | 'credentials'
  /** 401 or 403. */
  | 'forbidden'
  /** 404, said by Kubernetes itself. */
  | 'missing'
  /** 409: another client wrote in between, or the object exists already. */
  | 'conflict'
  /** 400 or 422: the request does not fit the object as it is now, for example a JSON Patch whose `test` failed. */
  | 'rejected'
  /** 429 or 503 with Retry-After: the server asks the agent to wait. */
  | 'throttled'
  /** No answer: DNS, connection, TLS, deadline, 5xx. */
  | 'unreachable'
  /** An answer that is not from Kubernetes, or has another form than was asked for. */
  | 'invalid';

interface Details extends ErrorOptions {
  /** HTTP status, if there was an answer. */
  status?: number;
  /** The wait that the server asked for, capped, milliseconds. */
  retryAfterMs?: number;
}

export class ControlPlaneError extends AgentError {
  readonly kind: FailureKind;
  readonly status: number | null;
  readonly retryAfterMs: number | null;

  constructor(kind: FailureKind, code: CodeOf<2>, message: string, remedy: string, details: Details = {}) {
    super(code, message, remedy, details);
    this.kind = kind;
    this.status = details.status ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** Whether `error` is a failure of one of these kinds. */
export function isFailure(error: unknown, ...kinds: FailureKind[]): error is ControlPlaneError {
  return error instanceof ControlPlaneError && kinds.includes(error.kind);
}
