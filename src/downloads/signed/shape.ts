/** Checks metadata before tuf-js gets it: for sizes that would keep tuf-js busy, and for keys that could sign twice. */
import { z } from 'zod';
import { AgentError } from '../../base/errors.ts';
import { parseJson } from '../../host/json.ts';

const Key = z.object({ keytype: z.string(), scheme: z.string(), keyval: z.object({ public: z.string() }) });
const Role = z.object({ keyids: z.array(z.string()) });
const Keys = z.record(z.string(), z.unknown());
/** A root names keys and roles, and so do targets for their delegated roles. Any other content must not hide them. */
const Delegators = z.object({
  signed: z.object({
    keys: Keys.catch({}),
    roles: z.record(z.string(), z.unknown()).catch({}),
    delegations: z
      .object({ keys: Keys.catch({}), roles: z.array(z.unknown()).catch([]), succinct_roles: z.unknown().optional() })
      .optional()
      .catch(undefined),
  }),
});

/**
 * Throws SMM453 when an object or list has more than `maxMembers`, and SMM455 when a role has one key under two names:
 * "each KEY MUST only contribute one SIGNATURE", and tuf-js counts names. tuf-js itself refuses what is not metadata at
 * all.
 */
export async function requireSoundShape(file: string, bytes: Buffer, maxMembers: number): Promise<void> {
  const data = parseJson(bytes.toString('utf8'));
  if (largestPart(data) > maxMembers) {
    throw new AgentError(
      'SMM453',
      `cannot use ${file} of the repository: a list in it has more than ${maxMembers} entries`,
      'remove old files from the repository; if it has never had that many, another server answers in its place',
    );
  }
  const signed = Delegators.safeParse(data).data?.signed;
  if (signed === undefined) return;
  const { keys, roles, delegations } = signed;
  await requireOneNameEach(file, keys, Object.values(roles));
  if (delegations === undefined) return;
  await requireOneNameEach(file, delegations.keys, [...delegations.roles, delegations.succinct_roles]);
}

async function requireOneNameEach(file: string, keys: Record<string, unknown>, roles: unknown[]): Promise<void> {
  for (const role of roles) {
    const names = new Set(Role.safeParse(role).data?.keyids);
    const known = (await Promise.all([...names].map((name) => keyText(keys[name])))).filter((key) => key !== null);
    if (new Set(known).size === known.length) continue;
    throw new AgentError(
      'SMM455',
      `cannot trust ${file} of the repository: one key has two names in a role, and could sign twice`,
      'sign it again with each key named once',
    );
  }
}

/** The number of members of the largest object or list. Without recursion: the sender chooses the depth. */
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

/** The key itself, in any spelling; null for a key that is missing, or that cannot verify anything. */
async function keyText(key: unknown): Promise<string | null> {
  const { data } = Key.safeParse(key);
  if (data === undefined) return null;
  const { getPublicKey } = await import('@tufjs/models/dist/utils/key.js');
  const { keytype: keyType, scheme, keyval } = data;
  try {
    const { key: publicKey } = getPublicKey({ keyType, scheme, keyVal: keyval.public });
    return JSON.stringify(Object.entries(publicKey.export({ format: 'jwk' })).sort());
  } catch (error) {
    return error instanceof Error ? null : Promise.reject(error);
  }
}
