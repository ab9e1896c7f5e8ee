/** The errors of download servers. */
import type { CodeOf } from '../base/error-codes.ts';
import { AgentError } from '../base/errors.ts';

/** An error that may pass by itself; the next try waits at least `retryAfterMs` if the server asked for that. */
export class DownloadError extends AgentError {
  readonly retryAfterMs: number | null;

  constructor(
    code: CodeOf<4>,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number | null; remedy?: string } = {},
  ) {
    const usual =
      'the agent tries again by itself; if it keeps failing, check the network between this machine and the server';
    super(code, message, options.remedy ?? usual, options);
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** A longer `Retry-After` is cut to this: a server must not keep a security patch away for weeks. */
export const MAX_RETRY_AFTER_MS = 60 * 60 * 1000;
