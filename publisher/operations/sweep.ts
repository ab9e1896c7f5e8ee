/**
 * Removes files that no metadata names any more, but not at once: a client in the middle of a refresh, or behind a
 * cache, still asks for the files of its older timestamp. `unused.json` in the folder of the repository says since when
 * a file is unused; it is not published.
 */
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { fileError } from '../../src/host/files/file-errors.ts';
import { readText, removeFile, removeLeftovers, writeAtomically } from '../../src/host/files/files.ts';
import { parseJson } from '../../src/host/json.ts';
import { durationMs, timestampText } from '../durations.ts';
import { PublishError } from '../errors.ts';
import { draftFile, draftsFolder, metadataFile, targetFile, targetsFolder, versionsOf } from '../layout.ts';
import type { Session } from '../publisher.ts';
import { readState, type State } from '../state.ts';

const DAY_MS = 86_400_000;

/** Paths below the folder of the repository, and since when they are unused. */
const Unused = z.strictObject({ format: z.literal(1), since: z.record(z.string(), z.iso.datetime()) });

/**
 * Removes the files that have been unused for so many days (those of the settings), and at least for as long as a
 * timestamp that named them could be valid; writes down the files that have just become unused.
 */
export async function removeOld(session: Session, keepDays = session.settings.keepDays): Promise<void> {
  const { folder, settings, now, step } = session;
  const keepMs = Math.max(keepDays * DAY_MS, durationMs(settings.expires.timestamp, 'the expiry of timestamp'));
  const state = await readState(folder);
  const file = join(folder, 'unused.json');
  const known = await readUnused(file);
  const since: Record<string, string> = {};
  for (const path of await unusedFiles(folder, state)) {
    const from = known[path] ?? timestampText(now);
    if (now.getTime() - Date.parse(from) <= keepMs) {
      since[path] = from;
      continue;
    }
    await removeFile(join(folder, path));
    await step('old-file-removed');
  }
  await removeOldDrafts(folder, state);
  if (JSON.stringify(since) === JSON.stringify(known)) return;
  await writeAtomically(file, `${JSON.stringify({ format: 1, since }, null, 2)}\n`, { mode: 0o644 });
}

async function unusedFiles(folder: string, { snapshot, targets }: State): Promise<string[]> {
  const found: string[] = [];
  for (const [role, current] of [
    ['snapshot', snapshot.metadata.signed.version],
    ['targets', targets.metadata.signed.version],
  ] as const) {
    // A file with a higher number was never published. It stays, so that its number is never used for other bytes.
    const older = (await versionsOf(folder, role)).filter((version) => version < current);
    found.push(...older.map((version) => relative(folder, metadataFile(folder, role, version))));
  }
  const named = new Set(
    Object.values(targets.metadata.signed.targets).map(({ path, hashes }) =>
      targetFile(folder, path, hashes.sha256 ?? ''),
    ),
  );
  for (const file of await targetFilesIn(folder)) if (!named.has(file)) found.push(relative(folder, file));
  return found.sort();
}

/** Files with a digest in their name: other files there are not the publisher's, and stay. */
async function targetFilesIn(folder: string): Promise<string[]> {
  const place = targetsFolder(folder);
  try {
    const entries = await readdir(place, { recursive: true, withFileTypes: true });
    for (const entry of entries) if (entry.isDirectory()) await removeLeftovers(join(entry.parentPath, entry.name));
    return entries
      .filter((entry) => entry.isFile() && /^[0-9a-f]{64}\./.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (cause) {
    throw fileError('read', place, cause);
  }
}

/** Removes the drafts of roots that are published, or were overtaken by another. */
async function removeOldDrafts(folder: string, { roots }: State): Promise<void> {
  for (const { metadata } of roots) await removeFile(draftFile(folder, metadata.signed.version));
  await removeLeftovers(draftsFolder(folder));
}

async function readUnused(file: string): Promise<Record<string, string>> {
  const text = await readText(file);
  if (text === null) return {};
  const { success, data, error } = Unused.safeParse(parseJson(text));
  if (success) return data.since;
  const why = z.prettifyError(error);
  throw new PublishError(`cannot use ${file}: ${why}`, 'remove it: the time of unused files then begins again', {
    cause: error,
  });
}
