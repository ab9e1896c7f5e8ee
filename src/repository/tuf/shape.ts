/** What is looked at in metadata before tuf-js gets it: what would keep it busy, and keys that could sign twice. */
import { z } from 'zod';
import { AgentError } from '../../errors.ts';
import { parseJson } from '../../host/json.ts';

const Keys = z.record(
  z.string(),
  z.object({ keytype: z.string(), scheme: z.string(), keyval: z.object({ public: z.string() }) }),
);
const Role = z.object({ keyids: z.array(z.string()) });
const Delegator = z.object({
  signed: z.union([
    z.object({ keys: Keys, roles: z.record(z.string(), Role) }),
    z
      .object({ delegations: z.object({ keys: Keys, roles: z.array(Role.extend({ name: z.string() })).optional() }) })
      .transform(({ delegations: { keys, roles = [] } }) => ({
        keys,
        roles: Object.fromEntries(roles.map((role) => [role.name, role])),
      })),
  ]),
});

/**
 * Throws SMM453 when an object or list has more than `maxMembers`, and SMM455 when a role has one key under two names:
 * "each KEY MUST only contribute one SIGNATURE", and tuf-js counts names. What is no metadata at all is left to tuf-js.
 */
export async function requireSoundShape(file: string, bytes: Buffer, maxMembers: number): Promise<void> {
  const data = parseJson(bytes.toString('utf8'));
  if (largestPart(data) > maxMembers) {
    throw new AgentError(
      'SMM453',
      `cannot use ${file} of the repository: a list in it has more than ${maxMembers} entries`,
      'take out of the repository what nobody needs any more; if it has never had that many, somebody else answers in its place',
    );
  }
  const delegator = Delegator.safeParse(data).data?.signed;
  if (delegator === undefined) return;
  for (const [role, { keyids }] of Object.entries(delegator.roles)) {
    const keys = await Promise.all(keyids.map((id) => keyText(delegator.keys[id])));
    const known = keys.filter((key) => key !== null);
    if (new Set(known).size === known.length) continue;
    throw new AgentError(
      'SMM455',
      `cannot trust ${file} of the repository: one key stands under two names among those of ${role}, and could sign twice`,
      'sign it anew with each key named once',
    );
  }
}

/** The number of members of the largest object or list. Without recursion: depth is the sender's to choose. */
function largestPart(data: unknown): number {
  let largest = 0;
  const open: unknown[] = [data];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    if (typeof part !== 'object' || part === null) continue;
    const members: unknown[] = Object.values(part);
    largest = Math.max(largest, members.length);
    for (const member of members) if (member !== null) open.push(member);
  }
  return largest;
}

/** The key itself, however it is spelt; null for one that is not there or of a kind that verifies nothing. */
async function keyText(key: z.infer<typeof Keys>[string] | undefined): Promise<string | null> {
  if (key === undefined) return null;
  const { getPublicKey } = await import('@tufjs/models/dist/utils/key.js');
  const { keytype: keyType, scheme, keyval } = key;
  try {
    const { key: publicKey } = getPublicKey({ keyType, scheme, keyVal: keyval.public });
    return JSON.stringify(Object.entries(publicKey.export({ format: 'jwk' })).sort());
  } catch (error) {
    return error instanceof Error ? null : Promise.reject(error);
  }
}
