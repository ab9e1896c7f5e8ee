/** What download servers do wrong, as errors with what to do about it. */
import { AgentError, type ErrorCode } from '../base/errors.ts';

/** An error that time may heal; the next try waits at least `retryAfterMs` where the server asked for it. */
export class DownloadError extends AgentError {
  readonly retryAfterMs: number | null;

  constructor(
    code: ErrorCode,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number | null; remedy?: string } = {},
  ) {
    const usual = 'the agent tries again by itself; check the way to the server if it stays so';
    super(code, message, options.remedy ?? usual, options);
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** Longer waits are not believed: a server must not keep a security patch away for weeks. */
const MAX_RETRY_AFTER_MS = 60 * 60 * 1000;

/** `Retry-After` in milliseconds, seconds or a date as HTTP allows both; null when absent or neither. */
export function parseRetryAfter(header: unknown, now: Date): number | null {
  if (typeof header !== 'string' || header.trim() === '') return null;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now.getTime();
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}
