/**
 * A large file, from a server that may be slow, broken, lying or gone. Only what
 * the digest confirms is trusted, and no byte that has come is fetched twice.
 */
import { dirname } from 'node:path';
import { type Clock, systemClock } from '../host/clock.ts';
import { makeFolder, removeFile } from '../host/files/files.ts';
import { sha256OfFile, statOf } from '../host/files/trees.ts';
import { Attempt } from './attempt.ts';
import { Deadline } from './deadline.ts';
import { DownloadError } from './errors.ts';
import { DOWNLOAD_LIMITS, type DownloadLimits } from './limits.ts';
import type { FetchedPackage, FetchOptions, WantedFile } from './source.ts';

/**
 * Returns when `target` has the wanted digest and is on disk. Safe to repeat and to kill. Rejects with SMM410 to
 * SMM416, SMM459, SMM463, SMM520 to SMM523, and with the signal's reason.
 */
export async function download(
  wanted: WantedFile,
  options: FetchOptions = {},
  limits: DownloadLimits = DOWNLOAD_LIMITS,
  clock: Clock = systemClock,
): Promise<FetchedPackage> {
  await makeFolder(dirname(wanted.target), 0o755);
  const present = await verifiedFile(wanted, options.signal);
  if (present !== null) return present;
  const endsAt = clock.bootTimeMs() + limits.deadlineMs;
  for (let breaks = 0; ; breaks += 1) {
    const leftMs = Math.max(endsAt - clock.bootTimeMs(), 1);
    using deadline = new Deadline(wanted.url, limits, options.signal).begin(leftMs);
    const attempt = new Attempt(wanted, options, limits, deadline);
    try {
      return await attempt.run();
    } catch (error) {
      const mayGoOn = error instanceof DownloadError && attempt.received > 0 && clock.bootTimeMs() < endsAt;
      if (!mayGoOn || breaks >= limits.breaks) throw error;
    }
    await clock.sleep(limits.pauseMs, options.signal);
  }
}

/** A file that was fetched before, if it is unchanged; a damaged file is removed. */
async function verifiedFile(
  { target, sha256, bytes }: WantedFile,
  signal?: AbortSignal,
): Promise<FetchedPackage | null> {
  const stat = await statOf(target);
  if (stat === null) return null;
  const hasLength = stat.isFile() && stat.size === (bytes ?? stat.size);
  if (hasLength && (await sha256OfFile(target, signal)) === sha256) {
    return { path: target, sha256, bytes: stat.size };
  }
  await removeFile(target);
  return null;
}
