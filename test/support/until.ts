/** Waiting for a condition by asking again: never by sleeping for as long as it usually takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

// A question can cost a request, or five programs: asked more often, it takes the time of what it waits for.
const POLL_MS = 50;

/** What was waited for did not come in time. */
export class NotInTime extends Error {
  override readonly name = 'NotInTime';
}

/**
 * Returns the first answer that `accept` (by default: is truthy) takes; after `timeoutMs` NotInTime with the last
 * answer.
 */
export async function until<T>(
  what: string,
  observe: () => T | Promise<T>,
  accept: (value: T) => boolean = Boolean,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await observe();
    if (accept(value)) return value;
    if (performance.now() >= deadline) {
      throw new NotInTime(`${what}: not within ${timeoutMs / 1000} s; last seen: ${inspect(value, { depth: 6 })}`);
    }
    await sleep(POLL_MS);
  }
}
