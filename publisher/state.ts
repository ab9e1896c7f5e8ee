/**
 * A repository as it is published, verified. The publisher makes its next metadata from it: a file that an attacker has
 * changed must never get the publisher's signature. Expiry is not checked, or expired metadata could never be renewed.
 */
import { PublishError } from './errors.ts';
import { metadataFile, versionsOf } from './layout.ts';
import { readMetadata, type Sealed } from './signing/metadata.ts';
import type { OnlineRole } from './signing/roles.ts';
import { isSignedFor } from './signing/signatures.ts';

export interface State {
  /** All roots from the first on; clients walk them in order. */
  roots: readonly Sealed<'root'>[];
  /** The newest root. */
  root: Sealed<'root'>;
  targets: Sealed<'targets'>;
  snapshot: Sealed<'snapshot'>;
  timestamp: Sealed<'timestamp'>;
}

/**
 * Rejects when there is no repository, or a file of it does not fit its signatures.
 * `timestampFile`: a timestamp to begin with instead of the published one.
 */
export async function readState(folder: string, timestampFile = metadataFile(folder, 'timestamp', 0)): Promise<State> {
  const { roots, root } = await readRoots(folder);
  const timestamp = await readSigned(timestampFile, root, 'timestamp');
  const named = timestamp.metadata.signed.snapshotMeta;
  const snapshot = await readSigned(metadataFile(folder, 'snapshot', named.version), root, 'snapshot');
  requireSame(folder, 'snapshot', snapshot, named);
  const listed = snapshot.metadata.signed.meta['targets.json'];
  if (listed === undefined) throw damaged(metadataFile(folder, 'snapshot', named.version), 'it names no targets.json');
  const targets = await readSigned(metadataFile(folder, 'targets', listed.version), root, 'targets');
  requireSame(folder, 'targets', targets, listed);
  return { roots, root, targets, snapshot, timestamp };
}

/** All roots, each accepted by the one before it. */
async function readRoots(folder: string): Promise<Pick<State, 'roots' | 'root'>> {
  const versions = await versionsOf(folder, 'root');
  if (versions.length === 0) {
    throw new PublishError(`cannot find a repository in ${folder}`, 'check the path, or make one: repository init');
  }
  const roots: Sealed<'root'>[] = [];
  for (const [index, version] of versions.entries()) {
    const file = metadataFile(folder, 'root', version);
    if (version !== index + 1) {
      const lacking = metadataFile(folder, 'root', index + 1);
      throw damaged(lacking, 'it is not there, and clients that begin with an older root need it');
    }
    const root = await readMetadata(file, 'root');
    const previous = roots.at(-1)?.metadata.signed ?? root.metadata.signed;
    if (root.metadata.signed.version !== version)
      throw damaged(file, `it says that it is version ${root.metadata.signed.version}`);
    if (!isSignedFor(previous, 'root', root.metadata)) throw damaged(file, 'the root before does not accept it');
    if (!isSignedFor(root.metadata.signed, 'root', root.metadata))
      throw damaged(file, 'too few of its own keys have signed it');
    roots.push(root);
  }
  return { roots, root: roots.at(-1) as Sealed<'root'> };
}

async function readSigned<R extends OnlineRole>(file: string, root: Sealed<'root'>, role: R): Promise<Sealed<R>> {
  const sealed = await readMetadata(file, role);
  if (isSignedFor(root.metadata.signed, role, sealed.metadata)) return sealed;
  throw damaged(file, `too few of the keys that root ${root.metadata.signed.version} names have signed it`);
}

/** Throws unless the file is the one that the metadata above it names. */
function requireSame(
  folder: string,
  role: 'snapshot' | 'targets',
  sealed: Sealed,
  named: { version: number; verify(data: Buffer): void },
): void {
  const file = metadataFile(folder, role, named.version);
  if (sealed.metadata.signed.version !== named.version)
    throw damaged(file, `it says that it is version ${sealed.metadata.signed.version}`);
  try {
    named.verify(sealed.bytes);
  } catch (cause) {
    throw damaged(file, (cause as Error).message);
  }
}

function damaged(file: string, why: string): PublishError {
  return new PublishError(
    `cannot trust ${file}: ${why}`,
    'fetch the file from where it is published; repository verify lists all that is wrong',
  );
}
