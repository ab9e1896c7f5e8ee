/** Makes root metadata of keys and thresholds, and puts the differences of two roots into words. */
import { type Key, Metadata, Root } from '@tufjs/models';
import { PublishError } from '../errors.ts';
import type { Session } from '../publisher.ts';
import { common } from './chain.ts';
import { ROLES, type RoleName } from './roles.ts';
import { roleOf, shortId } from './signatures.ts';

/** Who may sign for a role, and how many of them must. */
export interface RoleKeys {
  keys: readonly Key[];
  threshold: number;
}

/** Not signed yet. Throws when a threshold could never be met. */
export function makeRoot(session: Session, version: number, roles: Record<RoleName, RoleKeys>): Metadata<Root> {
  const { specVersion, expires } = common(session, 'root', version);
  for (const role of ROLES) requireReachable(role, roles[role].keys.length, roles[role].threshold);
  const keys = ROLES.flatMap((role) => roles[role].keys);
  return new Metadata(
    Root.fromJSON({
      _type: 'root',
      spec_version: specVersion,
      version,
      expires,
      consistent_snapshot: true,
      keys: Object.fromEntries(keys.map((key) => [key.keyID, key.toJSON()])),
      roles: Object.fromEntries(
        ROLES.map((role) => {
          const { threshold, keys: own } = roles[role];
          return [role, { keyids: own.map(({ keyID }) => keyID), threshold }];
        }),
      ),
    }),
  );
}

/** Throws when the threshold is larger than the number of keys, or 0. */
export function requireReachable(role: RoleName, keys: number, threshold: number): void {
  if (threshold >= 1 && threshold <= keys) return;
  throw new PublishError(
    `cannot ask for ${threshold} signatures of ${role}: it has ${keys} ${keys === 1 ? 'key' : 'keys'}`,
    'give it a threshold from 1 to the number of its keys',
  );
}

/** The keys and thresholds of a root. */
export function roleKeysOf(root: Root): Record<RoleName, RoleKeys> {
  const of = (role: RoleName): RoleKeys => {
    const { keyIDs, threshold } = roleOf(root, role);
    return { keys: keyIDs.flatMap((id) => root.keys[id] ?? []), threshold };
  };
  return { root: of('root'), targets: of('targets'), snapshot: of('snapshot'), timestamp: of('timestamp') };
}

/** What a signer should see before signing, one line for each difference. */
export function differences(before: Root, after: Root): string[] {
  const lines = ROLES.flatMap((role) => {
    const [old, next] = [roleOf(before, role), roleOf(after, role)];
    const added = next.keyIDs.filter((id) => !old.keyIDs.includes(id));
    const removed = old.keyIDs.filter((id) => !next.keyIDs.includes(id));
    return [
      ...removed.map((id) => `${role}: key ${shortId(id)} is removed`),
      ...added.map((id) => `${role}: key ${shortId(id)} is added`),
      ...(old.threshold === next.threshold
        ? []
        : [`${role}: ${next.threshold} must sign, instead of ${old.threshold}`]),
    ];
  });
  return [...lines, `it is valid until ${after.expires}, instead of ${before.expires}`];
}
