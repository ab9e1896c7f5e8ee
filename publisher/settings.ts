/**
 * `publisher.json` in the folder of a repository: how long signatures are
 * valid. Not published, and not secret; without it there are defaults.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { readText, writeAtomically } from '../src/host/files/files.ts';
import { parseJson } from '../src/host/json.ts';
import { isDuration } from './durations.ts';
import { PublishError } from './errors.ts';
import { DEFAULT_EXPIRES, type RoleName } from './signing/roles.ts';

/** Longer than any client takes, and longer than a timestamp is valid that still names a replaced file. */
const DEFAULT_KEEP_DAYS = 30;

const Duration = z.string().refine(isDuration, 'must be days or hours, for example 90d or 12h');

const Settings = z.strictObject({
  format: z.literal(1),
  expires: z.strictObject({ root: Duration, targets: Duration, snapshot: Duration, timestamp: Duration }),
  /** Days for which files stay that the current metadata does not name any more. */
  keepDays: z.int().min(0),
});
export type Settings = z.infer<typeof Settings>;

export function settingsFile(folder: string): string {
  return join(folder, 'publisher.json');
}

export async function writeSettings(
  folder: string,
  { expires = {}, keepDays = DEFAULT_KEEP_DAYS }: { expires?: Partial<Record<RoleName, string>>; keepDays?: number },
): Promise<void> {
  const settings: Settings = { format: 1, expires: { ...DEFAULT_EXPIRES, ...expires }, keepDays };
  await writeAtomically(settingsFile(folder), `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o644 });
}

/** Rejects when the file exists and cannot be used: a signature that is valid for too long cannot be taken back. */
export async function readSettings(folder: string): Promise<Settings> {
  const file = settingsFile(folder);
  const text = await readText(file);
  if (text === null) return { format: 1, expires: DEFAULT_EXPIRES, keepDays: DEFAULT_KEEP_DAYS };
  const { success, data, error } = Settings.safeParse(parseJson(text));
  if (success) return data;
  throw new PublishError(
    `cannot use ${file}: ${z.prettifyError(error)}`,
    'correct it, or remove it to have the defaults',
  );
}
