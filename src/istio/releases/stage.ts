/**
 * Makes a release: programs of a package, configuration of a target, tried and complete, without touching what runs.
 * Any kill leaves either no release or the whole one, and the same call then does what is left.
 */
import { join } from 'node:path';
import { AgentError } from '../../base/errors.ts';
import { checkpoint } from '../../host/files/checkpoints.ts';
import { requireSpace } from '../../host/files/disk-space.ts';
import { removeTree, sha256OfFile, statOf } from '../../host/files/trees.ts';
import { foldersInUse } from '../../host/programs/in-use.ts';
import { asProxy } from '../as-proxy.ts';
import type { Destinations, UnpackOptions } from '../package/format.ts';
import { packageFormatOf } from '../package/formats.ts';
import { RELEASE_FILES, type ReleaseConfiguration, type ReleaseId, type ReleaseManifest } from '../release.ts';
import { cleanLeftovers } from './clean.ts';
import { completeRelease } from './complete.ts';
import { releaseId } from './id.ts';
import { beginFolder, linkPrograms, modeOf, PROGRAM_FILES, writeConfiguration } from './layout.ts';
import { releaseProblems } from './problems.ts';
import type { ReleaseStore } from './store.ts';
import { requireVersion } from './try-programs.ts';

export interface StageRequest {
  istioVersion: string;
  revision: string | null;
  /** SHA-256 of the package, or `packageDigest` of a release on disk whose programs are wanted again. */
  packageDigest: string;
  /** Called only when no release on disk has this package's programs; null if there is nothing to fetch. */
  fetchPackage: (() => Promise<{ path: string; bytes: number }>) | null;
  /** The mesh file and sidecar.env hold RELEASE_FOLDER instead of the release's own folder. */
  configuration: ReleaseConfiguration;
  configurationKind: ReleaseManifest['configuration'];
}

export interface StageOptions extends UnpackOptions {
  now?: Date;
}

/**
 * No package is compressed to less than a quarter. The reserve
 * is for the configuration (kilobytes) and for other programs.
 */
const UNPACKED_FACTOR = 4;
const RESERVE_BYTES = 20_000_000;
const INODES = 50;

/**
 * Returns the complete release, on disk, with its programs tried; the caller sets the link `staged`. A release
 * that exists and is sound is returned as it is. Rejects with SMM430 to SMM435 (package), SMM441 to SMM446 (release),
 * SMM52x (disk), with the error of `fetchPackage`, and with the signal's reason.
 */
export async function stageRelease(
  store: ReleaseStore,
  request: StageRequest,
  options: StageOptions = {},
): Promise<ReleaseManifest> {
  const { signal, onPassedOver, now = new Date() } = options;
  const id = releaseId(request);
  const existing = await soundRelease(store, id, signal);
  if (existing !== null) return existing;
  await requireUnused(store, id);
  await cleanLeftovers(store);
  const folder = await beginFolder(store.paths.releases, id);
  try {
    const digests = await placePrograms(store, request, folder, {
      isConfined: store.paths.root === '/',
      signal,
      onPassedOver,
    });
    checkpoint('stage-unpacked');
    await writeConfiguration(folder, store.folder(id), request.configuration);
    checkpoint('stage-configured');
    await requireVersion(folder, request.istioVersion, asProxy(store.paths), signal);
    checkpoint('stage-tried');
    signal?.throwIfAborted();
    const { istioVersion, revision, packageDigest, configurationKind: configuration } = request;
    const facts = {
      id,
      istioVersion,
      revision,
      packageDigest,
      configuration,
      origin: 'package',
      adopted: null,
    } as const;
    return await completeRelease(store, folder, { ...facts, createdAt: now.toISOString() }, digests);
  } catch (error) {
    await removeTree(folder);
    throw error;
  }
}

async function soundRelease(store: ReleaseStore, id: ReleaseId, signal?: AbortSignal): Promise<ReleaseManifest | null> {
  const manifest = await store.read(id);
  if (manifest === null) return null;
  return (await releaseProblems(store, id, { deep: true, signal })).length === 0 ? manifest : null;
}

/**
 * A release that runs, or that may start at any moment, is not replaced: SMM444. A folder that is gone can be made
 * again. So can an active release without release.json: istio-activate does not start it.
 */
export async function requireUnused(store: ReleaseStore, id: ReleaseId): Promise<void> {
  if ((await statOf(store.folder(id))) === null) return;
  const isActive = (await store.link('active')) === id && (await store.read(id)) !== null;
  const runs = (await foldersInUse(store.paths.releases)).has(id);
  if (!isActive && !runs) return;
  const [problem = 'it is not complete'] = await releaseProblems(store, id, { deep: true });
  throw new AgentError(
    'SMM444',
    `cannot repair release ${id} while it ${runs ? 'runs' : 'is active'}: ${problem}`,
    'repair the file by hand, or stage another release and restart Istio',
  );
}

/**
 * Puts the programs in: from another release of the same package,
 * else unpacked. Returns the digests that are known by then.
 */
async function placePrograms(
  store: ReleaseStore,
  { packageDigest, fetchPackage }: StageRequest,
  folder: string,
  options: UnpackOptions,
): Promise<Map<string, string>> {
  for (const manifest of await store.list()) {
    if (manifest.packageDigest !== packageDigest) continue;
    if ((await soundRelease(store, manifest.id, options.signal)) === null) continue;
    await requireSpace(store.paths.releases, RESERVE_BYTES, INODES);
    await linkPrograms(store.folder(manifest.id), folder);
    return new Map(
      Object.entries(manifest.files)
        .map(([name, { sha256 }]) => [name, sha256] as const)
        .filter(isProgram),
    );
  }
  if (fetchPackage === null) throw noPrograms(packageDigest);
  const { path, bytes } = await fetchPackage();
  // Asked for the folder above: our own folder has another name
  // at each try, so that each failure would look like a new one.
  await requireSpace(store.paths.releases, bytes * UNPACKED_FACTOR + RESERVE_BYTES, INODES);
  return unpackPrograms(path, packageDigest, folder, options);
}

async function unpackPrograms(
  path: string,
  packageDigest: string,
  folder: string,
  options: UnpackOptions,
): Promise<Map<string, string>> {
  const into: Destinations = {};
  for (const file of PROGRAM_FILES) {
    into[file] = { path: join(folder, RELEASE_FILES[file]), mode: modeOf(RELEASE_FILES[file]) };
  }
  const format = await packageFormatOf(path);
  // The digest again, since the file may have changed on disk after the download.
  // It is made beside the unpacking, which leaves the processor idle: no program
  // is run, and no folder gets its name, before the digest is known to be right.
  const [digest, unpacking] = await Promise.allSettled([
    sha256OfFile(path, options.signal),
    format.unpack(path, into, options),
  ]);
  if (digest.status === 'rejected') throw digest.reason;
  if (digest.value !== packageDigest) throw changedPackage(path, packageDigest, digest.value);
  if (unpacking.status === 'rejected') throw unpacking.reason;
  const unpacked = unpacking.value;
  return new Map(PROGRAM_FILES.map((file) => [RELEASE_FILES[file], unpacked[file].sha256]));
}

function isProgram([name]: readonly [string, string]): boolean {
  return PROGRAM_FILES.some((file) => RELEASE_FILES[file] === name);
}

function changedPackage(path: string, wanted: string, actual: string): AgentError {
  const message = `cannot use ${path}: its SHA-256 is now ${actual}, wanted is ${wanted}`;
  return new AgentError(
    'SMM441',
    message,
    'the agent fetches it again at the next turn; check the disk if this repeats',
  );
}

function noPrograms(packageDigest: string): AgentError {
  const message = `cannot find the programs of package ${packageDigest.slice(0, 12)}: no sound release on disk has them`;
  return new AgentError('SMM445', message, 'nothing: the agent downloads the package in the same turn');
}
