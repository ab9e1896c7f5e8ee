/**
 * A root that waits for signatures, as one file that can be carried to the keys. It holds the published root and the
 * one that follows it, so that a signer sees what changes and who else must sign.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Metadata, Root } from '@tufjs/models';
import { z } from 'zod';
import { fileError } from '../../src/host/files/file-errors.ts';
import { makeFolder, writeAtomically } from '../../src/host/files/files.ts';
import { parseJson } from '../../src/host/json.ts';
import { PublishError } from '../errors.ts';
import { draftFile, draftsFolder } from '../layout.ts';
import { parseMetadata, type Sealed } from '../signing/metadata.ts';
import { isMet, type Tally, tally } from '../signing/signatures.ts';

const Draft = z.strictObject({ format: z.literal(1), previous: z.looseObject({}), next: z.looseObject({}) });

export interface RootDraft {
  previous: Metadata<Root>;
  next: Metadata<Root>;
}

/** The signatures that a root lacks, by the rules of the root before it (`old`) or by its own (`new`). */
export interface Lacking {
  by: 'old' | 'new';
  tally: Tally;
}

/** Empty when the root can be published. */
export function lackingSignatures({ previous, next }: RootDraft): Lacking[] {
  const both = [
    { by: 'old', tally: tally(previous.signed, 'root', next) },
    { by: 'new', tally: tally(next.signed, 'root', next) },
  ] as const;
  return both.filter(({ tally: counted }) => !isMet(counted));
}

/** Rejects for a file that is not a draft, or whose parts do not belong together. */
export async function readDraft(file: string): Promise<RootDraft> {
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw fileError('read', file, cause);
  });
  const { success, data, error } = Draft.safeParse(parseJson(text));
  if (!success) {
    throw new PublishError(
      `cannot use ${file}: it is not a draft of a root`,
      'give the file that repository rotate wrote',
      { cause: error },
    );
  }
  const previous = parseMetadata(JSON.stringify(data.previous), 'root', file);
  const next = parseMetadata(JSON.stringify(data.next), 'root', file);
  if (next.signed.version === previous.signed.version + 1) return { previous, next };
  throw new PublishError(
    `cannot use ${file}: root ${next.signed.version} does not follow root ${previous.signed.version}`,
    'give the file that repository rotate wrote',
  );
}

/** Returns when it is on disk. */
export async function writeDraft(file: string, { previous, next }: RootDraft): Promise<void> {
  const draft = { format: 1, previous: previous.toJSON(), next: next.toJSON() };
  await writeAtomically(file, `${JSON.stringify(draft, null, 2)}\n`, { mode: 0o644 });
}

/** Writes the draft to the path at which the commands look for it, and returns that path. */
export async function keepDraft(folder: string, draft: RootDraft): Promise<string> {
  if (!existsSync(draftsFolder(folder))) await makeFolder(draftsFolder(folder), 0o755);
  const file = draftFile(folder, draft.next.signed.version);
  await writeDraft(file, draft);
  return file;
}

/**
 * The root that may follow the published one, if a draft of it waits:
 * metadata that is signed meanwhile must be valid under it too.
 */
export async function pendingRoots(folder: string, current: Sealed<'root'>): Promise<Root[]> {
  const file = draftFile(folder, current.metadata.signed.version + 1);
  return existsSync(file) ? [(await readDraft(file)).next.signed] : [];
}
