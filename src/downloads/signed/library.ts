/** tuf-js, loaded when a repository is asked and not before, and what it does not let its callers choose: the time. */
import type { Updater, UpdaterOptions } from 'tuf-js';

/**
 * A client that takes every decision as of `now`. It takes the time itself when it is made; nothing of it is public, so
 * that is looked at closely: another version of tuf-js must not go on unnoticed with the time of day.
 */
export async function updaterAt(now: Date, options: UpdaterOptions): Promise<Updater> {
  const { Updater } = await import('tuf-js');
  const updater = new Updater(options);
  const { trustedSet } = updater as unknown as { trustedSet?: { referenceTime?: unknown } };
  if (!(trustedSet?.referenceTime instanceof Date)) {
    throw new Error('tuf-js does not keep its reference time where version 6.0.2 has it');
  }
  trustedSet.referenceTime = now;
  return updater;
}
