/**
 * The only place that writes metadata, in a fixed order: a file comes after the files that it names, and
 * timestamp.json, which no file names, comes last. So a client sees either all of a change or nothing, also after a
 * kill.
 */
import type { Root } from '@tufjs/models';
import { makeFolder, removeFile, writeAtomically } from '../../src/host/files/files.ts';
import { publishPrepared } from '../cut-off.ts';
import { draftFile, draftsFolder, metadataFile, metadataFolder, preparedTimestampFile } from '../layout.ts';
import type { Session } from '../publisher.ts';
import { type Chain, signChain } from '../signing/chain.ts';
import type { Sealed } from '../signing/metadata.ts';
import { ONLINE_ROLES, type RoleName } from '../signing/roles.ts';
import { isSignedFor } from '../signing/signatures.ts';
import type { State } from '../state.ts';

/** Publishes targets, snapshot and timestamp. Target files are there already. */
export async function publishChain(session: Session, chain: Chain): Promise<void> {
  await writeBelowTimestamp(session, chain);
  await write(session, 'timestamp', chain.timestamp);
}

/**
 * Publishes the next root, and everything that it makes necessary: a role whose keys change is first signed by old and
 * new keys, so that the repository is valid before, between and after. Rejects when the new keys of a role are not at
 * hand. The caller must have checked that `next` has the signatures that it needs.
 */
export async function publishRoot(session: Session, state: State, next: Sealed<'root'>): Promise<void> {
  const [before, after] = [state.root.metadata.signed, next.metadata.signed];
  const renew = ONLINE_ROLES.filter((role) => !isSignedFor(after, role, state[role].metadata));
  if (renew.length === 0) {
    await write(session, 'root', next);
  } else {
    const chain = await signChain(session, state, { renew, must: [after], also: [before] });
    if (isRightFor(before, chain)) {
      await publishChain(session, chain);
      await write(session, 'root', next);
    } else {
      // An old key is lost: between the two renames clients refuse the repository, and try again at their next poll.
      await writeBelowTimestamp(session, chain);
      await makeFolder(draftsFolder(session.folder), 0o755);
      await writeAtomically(preparedTimestampFile(session.folder), chain.timestamp.bytes, { mode: 0o644 });
      await session.step('timestamp-prepared');
      await write(session, 'root', next);
      await publishPrepared(session.folder, session.step);
    }
  }
  await removeFile(draftFile(session.folder, after.version));
  await session.step('draft-removed');
}

function isRightFor(root: Root, { targets, snapshot, timestamp }: Chain): boolean {
  return (
    (targets === null || isSignedFor(root, 'targets', targets.metadata)) &&
    (snapshot === null || isSignedFor(root, 'snapshot', snapshot.metadata)) &&
    isSignedFor(root, 'timestamp', timestamp.metadata)
  );
}

async function writeBelowTimestamp(session: Session, { targets, snapshot }: Chain): Promise<void> {
  if (targets !== null) await write(session, 'targets', targets);
  if (snapshot !== null) await write(session, 'snapshot', snapshot);
}

/** Writes metadata to the path at which clients look for it; returns when it is on disk. */
export async function write<R extends RoleName>(
  session: Session,
  role: R,
  { metadata, bytes }: Sealed<R>,
): Promise<void> {
  const file = metadataFile(session.folder, role, metadata.signed.version);
  await makeFolder(metadataFolder(session.folder), 0o755);
  await writeAtomically(file, bytes, { mode: 0o644 });
  await session.step(`${role}-written`);
}
