/**
 * Gets a version of the agent and its runtime from the repository into
 * hidden folders: unpacked and checked. place.ts gives them their names.
 */
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import type { FetchedPackage, FetchOptions } from '../downloads/source.ts';
import { agentTarget, runtimeTarget } from '../downloads/targets.ts';
import { packageArchitecture } from '../host/architecture.ts';
import { checkpoint } from '../host/files/checkpoints.ts';
import { requireSpace } from '../host/files/disk-space.ts';
import { makeFolder, readText } from '../host/files/files.ts';
import { newFolder, removeTree, syncTree } from '../host/files/trees.ts';
import { parseJson } from '../host/json.ts';
import { badArchive } from './errors.ts';
import type { VersionStore } from './store.ts';
import { unpackArchive } from './unpack.ts';
import { type FileRecords, NODE_PROGRAM, RuntimeManifest, VERSION_FILES, VersionManifest } from './version.ts';

/** The source of archives. Must return only signed files, and only after fsync. Safe to repeat. */
export interface Archives {
  fetch(target: string, options: FetchOptions): Promise<FetchedPackage>;
}

/** Hidden folders; null for a folder that is on disk already. */
export interface PreparedVersion {
  version: string;
  folder: string | null;
  runtime: { version: string; folder: string | null };
}

/** A bundle is a megabyte, a runtime 130: room for growth, none for a bomb. */
const MOST_VERSION_BYTES = 50_000_000;
const MOST_RUNTIME_BYTES = 400_000_000;
/** Zstandard compresses them to a quarter. */
const UNPACKED_FACTOR = 6;
const RESERVE_BYTES = 10_000_000;
const INODES = 30;
/** The only modes that a manifest may name: no setuid, and no right to write for others. */
const MODES: ReadonlySet<number> = new Set([0o644, 0o755]);

/**
 * Downloads and unpacks what is not on disk yet. Rejects as `archives` does, with SMM701, SMM52x, and the signal's
 * reason; only the downloads stay on disk then.
 */
export async function prepareVersion(
  store: VersionStore,
  version: string,
  archives: Archives,
  options: FetchOptions,
): Promise<PreparedVersion> {
  const known = (await store.isSound(version, options.signal)) ? await store.read(version) : null;
  if (known !== null) return { version, folder: null, runtime: { version: known.runtime, folder: null } };
  const target = agentTarget(version);
  const { folder, manifest } = await unpack(store.paths.versions, version, {
    archive: await archives.fetch(target, options),
    target,
    maxBytes: MOST_VERSION_BYTES,
    schema: VersionManifest,
    needed: VERSION_FILES.program,
    signal: options.signal,
  });
  checkpoint('agent-bundle-unpacked');
  try {
    if (manifest.version !== version) throw badArchive(target, `it holds smm-agent ${manifest.version}`);
    const runtime = await prepareRuntime(store, manifest.runtime, archives, options);
    return { version, folder, runtime: { version: manifest.runtime, folder: runtime } };
  } catch (error) {
    await removeTree(folder);
    throw error;
  }
}

async function prepareRuntime(
  store: VersionStore,
  runtime: string,
  archives: Archives,
  options: FetchOptions,
): Promise<string | null> {
  if (await store.isRuntimeSound(runtime, options.signal)) return null;
  const target = runtimeTarget(runtime, packageArchitecture());
  const { folder, manifest } = await unpack(store.paths.runtimes, runtime, {
    archive: await archives.fetch(target, options),
    target,
    maxBytes: MOST_RUNTIME_BYTES,
    schema: RuntimeManifest,
    needed: NODE_PROGRAM,
    signal: options.signal,
  });
  checkpoint('agent-runtime-unpacked');
  if (manifest.runtime === runtime) return folder;
  await removeTree(folder);
  throw badArchive(target, `it holds Node ${manifest.runtime}`);
}

interface Unpack<T> {
  archive: FetchedPackage;
  target: string;
  maxBytes: number;
  schema: { safeParse(json: unknown): { data?: T | undefined } };
  /** The file that it must have. */
  needed: string;
  signal: AbortSignal | undefined;
}

/** A hidden folder in which every file has the digest that its release.json names. */
async function unpack<T extends { files: FileRecords }>(
  parent: string,
  name: string,
  { archive, target, maxBytes, schema, needed, signal }: Unpack<T>,
): Promise<{ folder: string; manifest: T }> {
  await makeFolder(parent, 0o755);
  await requireSpace(parent, archive.bytes * UNPACKED_FACTOR + RESERVE_BYTES, INODES);
  const folder = newFolder(parent, name);
  await makeFolder(folder, 0o755);
  try {
    const digests = await unpackArchive(archive, folder, maxBytes, signal);
    const json = parseJson((await readText(join(folder, VERSION_FILES.manifest))) ?? '');
    const manifest = schema.safeParse(json).data;
    if (manifest === undefined || !Object.hasOwn(manifest.files, needed)) {
      throw badArchive(target, `it has no ${VERSION_FILES.manifest} that lists ${needed}`);
    }
    await checkFiles(folder, manifest.files, digests, target);
    await syncTree(folder);
    return { folder, manifest };
  } catch (error) {
    await removeTree(folder);
    throw error;
  }
}

/** Checks that release.json lists exactly these files with their digests, and gives each its mode. */
async function checkFiles(
  folder: string,
  files: FileRecords,
  digests: ReadonlyMap<string, string>,
  target: string,
): Promise<void> {
  const isListed = (name: string) => name === VERSION_FILES.manifest || Object.hasOwn(files, name);
  const unlisted = [...digests.keys()].find((name) => !isListed(name));
  if (unlisted !== undefined) throw badArchive(target, `${VERSION_FILES.manifest} does not list ${unlisted}`);
  for (const [name, { sha256, mode }] of Object.entries(files)) {
    if (digests.get(name) !== sha256) throw badArchive(target, `${name} is not what ${VERSION_FILES.manifest} says`);
    if (!MODES.has(mode)) throw badArchive(target, `${name} would have the mode ${mode.toString(8)}`);
    await chmod(join(folder, name), mode);
  }
  await chmod(join(folder, VERSION_FILES.manifest), 0o644);
}
