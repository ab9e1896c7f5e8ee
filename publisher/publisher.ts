/** What the commands of the publisher work with. One command at a time works in a repository, with the keys at hand. */
import { existsSync } from 'node:fs';
import { withFileLock } from '../src/host/files/file-lock.ts';
import { removeLeftovers } from '../src/host/files/files.ts';
import { completeRotation } from './cut-off.ts';
import { PublishError } from './errors.ts';
import { draftsFolder, lockFile, metadataFolder } from './layout.ts';
import { readSettings, type Settings } from './settings.ts';
import { readKeys, type SigningKey } from './signing/keys.ts';
import type { OnStep } from './steps.ts';

export interface Publisher {
  /** The repository. */
  folder: string;
  /** Folders with keys; new ones are made in the first. */
  keys: readonly string[];
  /** Passphrase of the key files; undefined for keys that are not encrypted. */
  passphrase?: string | undefined;
  now?: () => Date;
  /** Called after each change on disk: tests look there at what a kill would leave. */
  onStep?: OnStep;
}

export interface Session {
  folder: string;
  /** Where new keys are made. */
  keysFolder: string;
  passphrase: string | undefined;
  keys: readonly SigningKey[];
  settings: Settings;
  now: Date;
  step: OnStep;
  /** A rotation that was cut off has just been completed. */
  completed: boolean;
}

const nothing: OnStep = async () => undefined;

/**
 * Does `work` while no other publisher works in this repository, after the repair of what a killed one left. Rejects
 * when there is no repository, and with SMM535 when another publisher is busy in it for longer than half a minute.
 */
export async function inRepository<T>(publisher: Publisher, work: (session: Session) => Promise<T>): Promise<T> {
  const { folder } = publisher;
  if (!existsSync(folder)) {
    throw new PublishError(`cannot find a repository in ${folder}`, 'check the path, or make one: repository init');
  }
  return withFileLock(lockFile(folder), async () => {
    const session = await openSession(publisher, await readKeys(publisher.keys, publisher.passphrase));
    for (const place of [folder, metadataFolder(folder), draftsFolder(folder)]) await removeLeftovers(place);
    return work({ ...session, completed: await completeRotation(folder, session.step) });
  });
}

export async function openSession(publisher: Publisher, keys: readonly SigningKey[]): Promise<Session> {
  const { folder, keys: folders, passphrase, now = () => new Date(), onStep = nothing } = publisher;
  const [keysFolder] = folders;
  if (keysFolder === undefined) throw new PublishError('cannot sign without keys', 'name their folder with --keys');
  const settings = await readSettings(folder);
  return { folder, keysFolder, passphrase, keys, settings, now: now(), step: onStep, completed: false };
}
