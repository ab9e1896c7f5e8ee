/** The Retry-After header of HTTP: how long a server asks its clients to wait. */

/** Milliseconds, at most `maxMs`; null when the header is absent or cannot be read. `now` is the wall clock. */
export function retryAfterMs(header: unknown, now: Date, maxMs: number): number | null {
  if (typeof header !== 'string') return null;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now.getTime();
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), maxMs);
}
