/** The Retry-After header: how long the server wants to be left alone. */

/** Longer than this nobody waits, whatever the server says: a wrong header must not silence a machine for a day. */
export const MAX_RETRY_AFTER_MS = 5 * 60_000;

/** Milliseconds asked for, capped; null when the header is absent or cannot be read. `now` is the wall clock. */
export function retryAfterMs(header: string | null, now: Date): number | null {
  if (header === null) return null;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  const date = Date.parse(text);
  if (Number.isNaN(date)) return null;
  return Math.min(Math.max(date - now.getTime(), 0), MAX_RETRY_AFTER_MS);
}
