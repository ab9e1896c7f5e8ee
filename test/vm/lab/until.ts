/** Waiting for a condition: always by asking again, never by sleeping for as long as it usually takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

const POLL_MS = 100;

/** Thrown by an observation which shows that waiting is of no use. */
export class Hopeless extends Error {}

/**
 * Asks `observe` until its answer satisfies `accept` (by default: is truthy) and returns that answer. A throwing
 * `observe` counts as "not yet", since what is waited for often refuses connections at first; the last answer or error
 * is in the message of the failure.
 */
export async function until<T>(
  what: string,
  observe: () => T | Promise<T>,
  timeoutMs: number,
  accept: (value: T) => boolean = Boolean,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last = 'nothing was observed';
  for (;;) {
    try {
      const value = await observe();
      if (accept(value)) return value;
      last = `last seen: ${inspect(value, { depth: 6, maxStringLength: 2000 })}`;
    } catch (error) {
      if (error instanceof Hopeless) throw new Hopeless(`${what}: ${error.message}`);
      last = `last error: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() >= deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s; ${last}`);
    await sleep(POLL_MS);
  }
}
