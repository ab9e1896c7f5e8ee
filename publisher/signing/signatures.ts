/** Which keys have signed, and which must still sign. */
import type { Key, Metadata, Root } from '@tufjs/models';
import { PublishError } from '../errors.ts';
import type { SigningKey } from './keys.ts';
import { type Sealed, type Signed, type SignedBy, seal } from './metadata.ts';
import type { RoleName } from './roles.ts';

/** The signatures of a role, counted by the rules of a root. */
export interface Tally {
  threshold: number;
  /** Ids of the keys with a valid signature. */
  signed: string[];
  /** Ids of the keys that have not signed. */
  missing: string[];
}

/** Counts valid signatures: a key counts once, and a signature that does not verify does not count. */
export function tally(root: Root, role: RoleName, metadata: Metadata<Signed>): Tally {
  const { threshold, keyIDs } = roleOf(root, role);
  const isSigned = (id: string) => root.keys[id] !== undefined && hasSigned(root.keys[id], metadata);
  const signed = keyIDs.filter(isSigned);
  return { threshold, signed, missing: keyIDs.filter((id) => !signed.includes(id)) };
}

export function isMet({ threshold, signed }: Tally): boolean {
  return signed.length >= threshold;
}

/** Whether enough keys that `root` names for the role have signed. */
export function isSignedFor(root: Root, role: RoleName, metadata: Metadata<Signed>): boolean {
  return isMet(tally(root, role, metadata));
}

export function keyIdsOf(root: Root, role: RoleName): readonly string[] {
  return roleOf(root, role).keyIDs;
}

export function roleOf(root: Root, role: RoleName) {
  const found = root.roles[role];
  if (found === undefined)
    throw new PublishError(`cannot use root ${root.version}: it has no role ${role}`, 'fetch it again');
  return found;
}

function hasSigned(key: Key, metadata: Metadata<Signed>): boolean {
  try {
    key.verifySignature(metadata);
    return true;
  } catch (error) {
    // The library throws when a signature does not verify: for us that is an answer.
    if (error instanceof Error) return false;
    throw error;
  }
}

/** Adds the signatures of those of `keys` that one of `roots` names for the role. */
export function addSignatures(
  metadata: Metadata<Signed>,
  role: RoleName,
  roots: readonly Root[],
  keys: readonly SigningKey[],
): SigningKey[] {
  const named = new Set(roots.flatMap((root) => keyIdsOf(root, role)));
  const signing = keys.filter(({ key }) => named.has(key.keyID));
  for (const key of signing) metadata.sign((data) => key.sign(data));
  return signing;
}

/** Whether enough keys of a role are at hand. */
export function canSign(root: Root, role: RoleName, keys: readonly SigningKey[]): boolean {
  const { keyIDs, threshold } = roleOf(root, role);
  return keys.filter(({ key }) => keyIDs.includes(key.keyID)).length >= threshold;
}

/**
 * Signs with every key at hand that one of the roots names for the role. Throws when that is not enough for a root in
 * `must`; for the roots in `also`, which may follow, there may be too few signatures.
 */
export function sign<R extends RoleName>(
  metadata: Metadata<SignedBy[R]>,
  role: R,
  keys: readonly SigningKey[],
  { must, also = [] }: { must: readonly Root[]; also?: readonly Root[] },
): Sealed<R> {
  addSignatures(metadata, role, [...must, ...also], keys);
  for (const root of must) {
    const { threshold, signed, missing } = tally(root, role, metadata);
    if (signed.length >= threshold) continue;
    throw new PublishError(
      `cannot sign ${role}: ${threshold} of its keys must sign, and ${signed.length} of them are at hand`,
      `let --keys name the folders with ${threshold - signed.length} more of ${missing.map(shortId).join(', ')}`,
    );
  }
  return seal<R>(metadata);
}

/** Enough of a key's id to tell keys apart; commands take it too. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}
