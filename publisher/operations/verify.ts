/**
 * Checks the repository as a client sees it, from the first root on, and lists everything that is wrong. It needs no
 * keys and writes nothing. With the commands that publish it shares only the reading of files, so that it does not
 * repeat their mistakes.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { TargetFile } from '@tufjs/models';
import { Findings, type Named } from '../findings.ts';
import { metadataFile, targetFile, versionsOf } from '../layout.ts';
import { readSettings } from '../settings.ts';
import type { Sealed } from '../signing/metadata.ts';
import type { OnlineRole } from '../signing/roles.ts';

export interface VerifyOptions {
  /** The root to begin with: the one that was shipped. Default: the first of the repository. */
  root?: string | undefined;
  now?: () => Date;
}

/** Problems of the repository are findings; rejects only with errors that prevent the check. */
export async function verifyRepository(
  folder: string,
  { root: shipped, now = () => new Date() }: VerifyOptions = {},
): Promise<Findings> {
  const found = new Findings(now(), (await readSettings(folder)).expires);
  const root = await walkRoots(folder, found, shipped);
  // It ends where a client would: a file that only an unreadable file names is not checked.
  if (root === null) return found;
  found.report(root, 'root', root);
  const timestamp = await readRole(folder, found, root, 'timestamp');
  if (timestamp === null) return found;
  const snapshot = await readRole(folder, found, root, 'snapshot', timestamp.metadata.signed.snapshotMeta);
  if (snapshot === null) return found;
  const listed = snapshot.metadata.signed.meta['targets.json'];
  if (listed === undefined) {
    found.problems.push(`${snapshot.metadata.signed.version}.snapshot.json does not name targets.json`);
    return found;
  }
  const targets = await readRole(folder, found, root, 'targets', listed);
  for (const target of Object.values(targets?.metadata.signed.targets ?? {})) await checkTarget(folder, found, target);
  return found;
}

/** The newest root, reached step by step; null if a step fails. */
async function walkRoots(folder: string, found: Findings, shipped: string | undefined): Promise<Sealed<'root'> | null> {
  const versions = await versionsOf(folder, 'root');
  for (let version = 1; version < (versions.at(-1) ?? 0); version += 1) {
    if (versions.includes(version)) continue;
    found.problems.push(`${version}.root.json is missing: clients that begin before it get no further`);
  }
  let root = await found.read('root', shipped ?? metadataFile(folder, 'root', 1));
  if (root === null) return null;
  found.requireSigned(root, 'root', root);
  if (shipped !== undefined) await compareWithPublished(folder, found, root);
  for (;;) {
    const version: number = root.metadata.signed.version + 1;
    const file = metadataFile(folder, 'root', version);
    if (!existsSync(file)) return root;
    const next = await found.read('root', file);
    if (next === null) return null;
    found.requireVersion(next, version, file);
    found.requireSigned(root, 'root', next, `root ${version - 1} does not accept root ${version}: `);
    found.requireSigned(next, 'root', next);
    if (next.metadata.signed.version !== version) return null;
    root = next;
  }
}

async function compareWithPublished(folder: string, found: Findings, root: Sealed<'root'>): Promise<void> {
  const { version } = root.metadata.signed;
  const published = await found.read('root', metadataFile(folder, 'root', version));
  if (published === null || published.metadata.signed.equals(root.metadata.signed)) return;
  found.problems.push(`the given root is not root ${version} of this repository`);
}

async function readRole<R extends OnlineRole>(
  folder: string,
  found: Findings,
  root: Sealed<'root'>,
  role: R,
  named?: Named,
): Promise<Sealed<R> | null> {
  const file = metadataFile(folder, role, named?.version ?? 0);
  const sealed = await found.read(role, file);
  if (sealed === null) return null;
  if (named !== undefined) found.requireNamed(sealed, named, file);
  found.requireSigned(root, role, sealed);
  found.report(root, role, sealed);
  return sealed;
}

async function checkTarget(folder: string, found: Findings, { path, length, hashes }: TargetFile): Promise<void> {
  found.targets.push({ path, bytes: length });
  const { sha256 } = hashes;
  if (sha256 === undefined) {
    found.problems.push(`${path} has no SHA-256`);
    return;
  }
  const file = targetFile(folder, path, sha256);
  if (!existsSync(file)) {
    found.problems.push(`${path} is missing: ${file} is not there`);
    return;
  }
  const hash = createHash('sha256');
  const stream = createReadStream(file);
  await pipeline(stream, hash);
  if (stream.bytesRead !== length) found.problems.push(`${path} has ${stream.bytesRead} bytes instead of ${length}`);
  else if (hash.digest('hex') !== sha256) found.problems.push(`${path} has another SHA-256 than ${sha256}`);
}
