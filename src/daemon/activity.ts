/**
 * /run/smm-agent/activity.json: which daemon is there, and the turn that it is at. status.json says what the last turn has found; this says
 * whether that is still the last word.
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

/** Whole or not at all, as its readers see it; nothing is brought to disk, since it is gone with the boot. Rejects with SMM521. */
export async function writeActivity(
  { run, activityFile }: Pick<Paths, 'run' | 'activityFile'>,
  activity: Activity,
): Promise<void> {
  await makeFolder(run, 0o755);
  try {
    // One daemon writes it: the name of the temporary file can be fixed.
    await writeFile(`${activityFile}.new`, `${JSON.stringify(activity)}\n`, { mode: 0o644 });
    await rename(`${activityFile}.new`, activityFile);
  } catch (cause) {
    throw fileError('write', activityFile, cause);
  }
}

/** null where no daemon of this boot has written one, or one that is not understood: then only status.json counts. Rejects with SMM520. */
export async function readActivity({ activityFile }: Pick<Paths, 'activityFile'>): Promise<Activity | null> {
  const text = await readText(activityFile);
  return text === null ? null : (Activity.safeParse(parseJson(text)).data ?? null);
}
