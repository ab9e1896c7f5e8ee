/**
 * Loads tuf-js, only when a repository is asked, and sets the time for it, which it does not let its callers choose.
 */
import type { Updater, UpdaterOptions } from 'tuf-js';

/**
 * A client that judges everything as of `now`. tuf-js takes the time of day when a client is made, and keeps it in a
 * private member. This function checks that member: another version of tuf-js must not use the time of day unnoticed.
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
