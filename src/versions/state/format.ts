/**
 * The format of the agent's files in /var/lib/smm-agent. A version that changes it migrates the files after its own
 * confirmation, so that the previous version can read everything after a rollback. Later the agent goes back only to a
 * version that can read them.
 */
import { join } from 'node:path';
import { AgentError } from '../../base/errors.ts';
import type { Paths } from '../../base/paths.ts';
import { formatFields, parseFields } from '../../host/fields.ts';
import { readText, writeAtomically } from '../../host/files/files.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';

export interface StateFormat {
  format: number;
  /** The oldest format whose readers can read this one. */
  oldestReader: number;
}

/** The format of versions before 0.2.0, which do not write it down. */
const FIRST: StateFormat = { format: 1, oldestReader: 1 };

/** The format that this version writes. */
export function ownFormat(migrations: readonly Migration[] = MIGRATIONS): number {
  return migrations.at(-1)?.to ?? FIRST.format;
}

/** Rejects with SMM705 when a later version has left a format that this one cannot read. */
export async function requireReadableState(paths: Paths, migrations?: readonly Migration[]): Promise<void> {
  const { format, oldestReader } = await readStateFormat(paths);
  const own = ownFormat(migrations);
  if (oldestReader <= own) return;
  const sentence = `cannot read ${paths.state}: its format is ${format}, and this version of smm-agent knows formats up to ${own}`;
  throw new AgentError('SMM705', sentence, 'go back to the version that wrote it, or to a later one');
}

/** Brings the state to this version's format, one migration after the other; one that was cut off is done again. */
export async function migrateState(paths: Paths, migrations: readonly Migration[] = MIGRATIONS): Promise<string[]> {
  let { format } = await readStateFormat(paths);
  const done: string[] = [];
  for (const { to, oldestReader, what, run } of migrations.toSorted((a, b) => a.to - b.to)) {
    if (to <= format) continue;
    await run(paths);
    await writeFormat(paths, { format: to, oldestReader });
    format = to;
    done.push(what);
  }
  // Also if there was nothing to do: a later version has to know with which format it begins.
  if ((await readText(fileOf(paths))) === null) await writeFormat(paths, FIRST);
  return done;
}

/** A damaged file counts as none: every migration can be done again. */
async function readStateFormat(paths: Paths): Promise<StateFormat> {
  const fields = parseFields((await readText(fileOf(paths))) ?? '');
  const number = (key: string) => (/^\d{1,6}$/.test(fields.get(key) ?? '') ? Number(fields.get(key)) : null);
  const [format, oldestReader] = [number('format'), number('oldest_reader')];
  return format === null || oldestReader === null ? FIRST : { format, oldestReader };
}

function writeFormat(paths: Paths, { format, oldestReader }: StateFormat): Promise<void> {
  const text = formatFields(Object.entries({ format, oldest_reader: oldestReader }));
  return writeAtomically(fileOf(paths), text, { mode: 0o644 });
}

function fileOf({ state }: Pick<Paths, 'state'>): string {
  return join(state, 'format');
}
