/**
 * Takes files out of the repository: no client finds them any more,
 * though their bytes stay a while for those that have just asked.
 */
import { nearest } from '../../src/base/nearest.ts';
import { PublishError } from '../errors.ts';
import { metadataFile, versionsOf } from '../layout.ts';
import { inRepository, type Publisher } from '../publisher.ts';
import { signChain } from '../signing/chain.ts';
import { readMetadata } from '../signing/metadata.ts';
import { readState } from '../state.ts';
import { pendingRoots } from './draft.ts';
import { publishChain } from './publish.ts';
import { removeOld } from './sweep.ts';

/** Returns the paths that were there. Rejects, and withdraws nothing, for a path that never was. */
export async function withdrawTargets(
  publisher: Publisher,
  paths: readonly string[],
  { keepDays }: { keepDays?: number | undefined } = {},
): Promise<string[]> {
  return inRepository(publisher, async (session) => {
    const state = await readState(session.folder);
    const { targets } = state.targets.metadata.signed;
    const absent = paths.filter((path) => targets[path] === undefined);
    for (const path of absent) await requireOnceThere(session.folder, path, Object.keys(targets));
    const present = paths.filter((path) => targets[path] !== undefined);
    if (present.length > 0) {
      const left = Object.fromEntries(Object.entries(targets).filter(([path]) => !present.includes(path)));
      const also = await pendingRoots(session.folder, state.root);
      await publishChain(
        session,
        await signChain(session, state, { targets: left, must: [state.root.metadata.signed], also }),
      );
    }
    await removeOld(session, keepDays);
    return present;
  });
}

/** It is no error to repeat a withdrawal that was cut off after its publication; a misspelt path is one. */
async function requireOnceThere(folder: string, path: string, present: readonly string[]): Promise<void> {
  for (const version of await versionsOf(folder, 'targets')) {
    const { metadata } = await readMetadata(metadataFile(folder, 'targets', version), 'targets');
    if (metadata.signed.targets[path] !== undefined) return;
  }
  const close = nearest(path, present);
  throw new PublishError(
    `cannot withdraw ${path}: it is not in the repository${close === null ? '' : ` (did you mean ${close}?)`}`,
    'repository verify lists what is in it',
  );
}
