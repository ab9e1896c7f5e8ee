/** The new keys of a role: the options of a rotation, applied to the present root. */
import type { Key } from '@tufjs/models';
import { PublishError } from '../errors.ts';
import type { Session } from '../publisher.ts';
import type { State } from '../state.ts';
import { makeKey, nextKeyNumber, readPublicKey, type SigningKey } from './keys.ts';
import type { RoleName } from './roles.ts';
import { type RoleKeys, requireReachable, roleKeysOf } from './root.ts';
import { keyIdsOf, shortId } from './signatures.ts';

export interface RotateOptions {
  /** With more than one role, all keys of each are replaced, and no option below may be given. */
  roles: readonly RoleName[];
  /**
   * Ids of keys to take out of use, or their beginnings. Default:
   * with `add` or `addPublic` none, without them all of the role.
   */
  remove?: readonly string[];
  /** How many new keys are made; as many as are removed, without those of `addPublic`. */
  add?: number | undefined;
  /** Files with public keys of people who keep the private ones. */
  addPublic?: readonly string[];
  /** How many must sign; as many as now. */
  threshold?: number | undefined;
}

/** One role's part of a rotation, before new keys are made. */
export interface RoleChange {
  role: RoleName;
  kept: readonly Key[];
  brought: readonly Key[];
  /** How many keys are to be made. */
  count: number;
  threshold: number;
}

/** Rejects for an impossible change, before anything is changed. */
export async function plannedChanges({ root }: State, options: RotateOptions): Promise<RoleChange[]> {
  const { roles, remove = [], add, addPublic = [], threshold } = options;
  const isPlain = remove.length + addPublic.length === 0 && add === undefined && threshold === undefined;
  if (roles.length > 1 && !isPlain) {
    throw new PublishError(
      `cannot choose keys for ${roles.join(' and ')} at once`,
      'rotate one role after the other, or replace all keys of several',
    );
  }
  const now = roleKeysOf(root.metadata.signed);
  const brought = await Promise.all(addPublic.map(readPublicKey));
  return roles.map((role) => {
    const { kept, removed } = split(role, options, now[role]);
    const count = add ?? Math.max(0, removed - brought.length);
    const change = { role, kept, brought, count, threshold: threshold ?? now[role].threshold };
    requireReachable(role, unique([...kept, ...brought]).length + count, change.threshold);
    return change;
  });
}

/** Makes the keys of a change. First it takes keys of the role that were never used: a killed rotation left them. */
export async function makeKeysFor(
  session: Session,
  { roots }: State,
  { role, count }: RoleChange,
): Promise<SigningKey[]> {
  const known = new Set(roots.flatMap(({ metadata }) => Object.keys(metadata.signed.keys)));
  const made = session.keys.filter(({ madeFor, key }) => madeFor === role && !known.has(key.keyID)).slice(0, count);
  while (made.length < count) {
    const number = await nextKeyNumber(session.keysFolder, role);
    made.push(await makeKey(session.keysFolder, role, number, session.passphrase));
    await session.step('key-made');
  }
  return made;
}

/** The keys and the threshold of a role after the change. */
export function changedRole({ kept, brought, threshold }: RoleChange, made: readonly SigningKey[]): RoleKeys {
  return { keys: unique([...kept, ...brought, ...made.map(({ key }) => key)]), threshold };
}

/** Whether an earlier rotation, perhaps a killed one, has taken all of these keys out of use. */
export function isGone({ roots, root }: State, { roles, remove = [] }: RotateOptions): boolean {
  const ids = roles.flatMap((role) => keyIdsOf(root.metadata.signed, role));
  const old = roots.flatMap(({ metadata }) => roles.flatMap((role) => keyIdsOf(metadata.signed, role)));
  const gone = old.filter((id) => !ids.includes(id));
  return (
    remove.length > 0 && remove.every((id) => id.length >= SHORTEST_ID && gone.some((known) => known.startsWith(id)))
  );
}

/** Eight hex digits: fewer could match another key one day. */
const SHORTEST_ID = 8;

function split(
  role: RoleName,
  { remove = [], add, addPublic = [] }: RotateOptions,
  { keys }: RoleKeys,
): { kept: readonly Key[]; removed: number } {
  if (remove.length > 0) {
    const gone = new Set(remove.map((id) => keyOf(role, keys, id)));
    return { kept: keys.filter((key) => !gone.has(key)), removed: gone.size };
  }
  const addsOnly = add !== undefined || addPublic.length > 0;
  return addsOnly ? { kept: keys, removed: 0 } : { kept: [], removed: keys.length };
}

function keyOf(role: RoleName, keys: readonly Key[], id: string): Key {
  const found = keys.filter(({ keyID }) => keyID.startsWith(id));
  if (found.length === 1 && found[0] !== undefined && id.length >= SHORTEST_ID) return found[0];
  throw new PublishError(
    `cannot remove the key ${id}: ${id.length < SHORTEST_ID ? 'that is too short for an id' : `${role} has no such key`}`,
    `it has ${keys.map(({ keyID }) => shortId(keyID)).join(', ')}`,
  );
}

function unique(keys: readonly Key[]): Key[] {
  return [...new Map(keys.map((key) => [key.keyID, key])).values()];
}
