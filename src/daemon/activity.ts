/**
 * /run/smm-agent/activity.json: which daemon runs, and which turn is under way. status.json has the result of the last
 * turn; this file says whether that result may be out of date.
 */
import { rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Paths } from '../base/paths.ts';
import { fileError } from '../host/files/file-errors.ts';
import { makeFolder, readText } from '../host/files/files.ts';
import { parseJson } from '../host/json.ts';

const Activity = z.object({
  format: z.literal(1),
  pid: z.number(),
  version: z.string(),
  startedAt: z.iso.datetime(),
  /** Null between two turns. */
  turn: z.object({ since: z.iso.datetime(), reasons: z.array(z.string()) }).nullable(),
});
export type Activity = z.infer<typeof Activity>;

/** Readers see the whole file or none. There is no fsync, since /run does not outlive the boot. Rejects with SMM521. */
export async function writeActivity(
  { run, activityFile }: Pick<Paths, 'run' | 'activityFile'>,
  activity: Activity,
): Promise<void> {
  await makeFolder(run, 0o755);
  try {
    // Only one daemon writes the file, so the temporary file can have a fixed name.
    await writeFile(`${activityFile}.new`, `${JSON.stringify(activity)}\n`, { mode: 0o644 });
    await rename(`${activityFile}.new`, activityFile);
  } catch (cause) {
    throw fileError('write', activityFile, cause);
  }
}

/**
 * Null if no daemon of this boot has written the file, or if it cannot be understood: then use only status.json.
 * Rejects with SMM520.
 */
export async function readActivity({ activityFile }: Pick<Paths, 'activityFile'>): Promise<Activity | null> {
  const text = await readText(activityFile);
  return text === null ? null : (Activity.safeParse(parseJson(text)).data ?? null);
}
