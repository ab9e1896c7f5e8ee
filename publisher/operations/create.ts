/** A new repository: keys, an empty list of targets, and the root from which every client begins. */
import { existsSync } from 'node:fs';
import { withFileLock } from '../../src/host/files/file-lock.ts';
import { makeFolder, namesIn, removeLeftovers } from '../../src/host/files/files.ts';
import { durationMs } from '../durations.ts';
import { PublishError } from '../errors.ts';
import { lockFile, metadataFile, metadataFolder, targetsFolder, versionsOf } from '../layout.ts';
import { openSession, type Publisher } from '../publisher.ts';
import { settingsFile, writeSettings } from '../settings.ts';
import { signChain } from '../signing/chain.ts';
import { makeKey, type SigningKey } from '../signing/keys.ts';
import { DEFAULT_EXPIRES, DEFAULT_KEYS, type KeyCount, ROLES, type RoleName } from '../signing/roles.ts';
import { makeRoot, requireReachable } from '../signing/root.ts';
import { sign } from '../signing/signatures.ts';
import { publishChain, write } from './publish.ts';

export interface CreateOptions {
  /** How many keys, and how many of them must sign; DEFAULT_KEYS for roles that are not named. */
  keys?: Partial<Record<RoleName, KeyCount>>;
  /** For example `{ root: '365d' }`; DEFAULT_EXPIRES for roles that are not named. */
  expires?: Partial<Record<RoleName, string>>;
  keepDays?: number;
}

export interface Created {
  /** The file to ship in the package. */
  root: string;
  keys: Record<RoleName, readonly SigningKey[]>;
}

/**
 * Makes keys and repository. Rejects when the folder has a repository, or the folder of keys has keys already: they may
 * belong to another repository. After a kill the same call completes it.
 */
export async function createRepository(publisher: Publisher, options: CreateOptions = {}): Promise<Created> {
  const { folder } = publisher;
  const counts = { ...DEFAULT_KEYS, ...options.keys };
  for (const role of ROLES) {
    requireReachable(role, counts[role].keys, counts[role].threshold);
    durationMs(options.expires?.[role] ?? DEFAULT_EXPIRES[role], `the expiry of ${role}`);
  }
  for (const place of [folder, metadataFolder(folder), targetsFolder(folder)]) {
    if (!existsSync(place)) await makeFolder(place, 0o755);
  }
  return withFileLock(lockFile(folder), async () => {
    if ((await versionsOf(folder, 'root')).length > 0) {
      throw new PublishError(`cannot make a repository in ${folder}: there is one`, 'give another folder');
    }
    // Settings without a root were left by a killed run: then the keys are those of this repository.
    if (!existsSync(settingsFile(folder))) await requireNoKeys(publisher.keys);
    for (const place of [folder, metadataFolder(folder)]) await removeLeftovers(place);
    await writeSettings(folder, options);
    const session = await openSession(publisher, []);
    await session.step('settings-written');
    const keys: Record<RoleName, SigningKey[]> = { root: [], targets: [], snapshot: [], timestamp: [] };
    for (const role of ROLES) {
      for (let number = 1; number <= counts[role].keys; number += 1) {
        keys[role].push(await makeKey(session.keysFolder, role, number, session.passphrase));
        await session.step('key-made');
      }
    }
    const role = (name: RoleName) => ({ keys: keys[name].map(({ key }) => key), threshold: counts[name].threshold });
    const root = makeRoot(session, 1, {
      root: role('root'),
      targets: role('targets'),
      snapshot: role('snapshot'),
      timestamp: role('timestamp'),
    });
    const signing = { ...session, keys: ROLES.flatMap((name) => keys[name]) };
    await publishChain(signing, await signChain(signing, null, { must: [root.signed] }));
    // Only the root makes the folder a repository, so it comes last here.
    await write(signing, 'root', sign(root, 'root', signing.keys, { must: [root.signed] }));
    return { root: metadataFile(folder, 'root', 1), keys };
  });
}

async function requireNoKeys(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    for (const place of [folder, `${folder}/root`]) {
      if (!(await namesIn(place)).some((name) => name.endsWith('.pem'))) continue;
      throw new PublishError(
        `cannot make keys in ${place}: it has keys already`,
        'give an empty folder with --keys: each repository has keys of its own',
      );
    }
  }
}
