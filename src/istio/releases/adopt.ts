/**
 * A running Istio of the official package becomes a release: its programs and its configuration are copied, `active`
 * points to the copy, and what runs is not touched.
 */
import { createHash } from 'node:crypto';
import { checkpoint } from '../../host/files/checkpoints.ts';
import { requireSpace } from '../../host/files/disk-space.ts';
import { readText } from '../../host/files/files.ts';
import { removeTree } from '../../host/files/trees.ts';
import { asProxy } from '../as-proxy.ts';
import { readInstalledFiles } from '../installed-files.ts';
import { RELEASE_FILES, type ReleaseConfiguration, type ReleaseManifest } from '../release.ts';
import { cleanLeftovers } from './clean.ts';
import { completeRelease } from './complete.ts';
import { istiodLine } from './hosts-line.ts';
import { releaseId } from './id.ts';
import { copyInstalled, type Installed, installedPrograms } from './installed.ts';
import { beginFolder, PROGRAM_FILES, writeConfiguration } from './layout.ts';
import { releaseProblems } from './problems.ts';
import { requireUnused } from './stage.ts';
import type { ReleaseStore } from './store.ts';
import { tryPrograms } from './try-programs.ts';

type AdoptedProcesses = NonNullable<ReleaseManifest['adopted']>;

export interface AdoptRequest {
  /** The revision whose control plane this Istio talks to, null if it is unknown. */
  revision: string | null;
  configurationKind: ReleaseManifest['configuration'];
  /**
   * What runs now; a process that does not run the file on disk (the package was upgraded meanwhile) is noted as null.
   */
  processes: AdoptedProcesses;
  /** Host of the discovery address, to find its line in /etc/hosts; null if it is unknown. */
  discoveryHost: string | null;
  /** Makes the release's configuration out of the machine's: `binaryPath` and `--meshConfig` with RELEASE_FOLDER. */
  configure: (current: ReleaseConfiguration) => ReleaseConfiguration;
}

export interface AdoptOptions {
  signal?: AbortSignal | undefined;
  now?: Date;
  /** Called when the release is complete and before `active` names it: with that link the adoption is over. */
  beforeLink?: () => Promise<void>;
}

const RESERVE_BYTES = 20_000_000;
const INODES = 50;

/**
 * Returns the release that `active` points to: on disk, with its programs tried. If `active`
 * names a release already, that is the result. An adoption that was cut off is done again;
 * if only the link is missing, only that is made. Rejects with SMM447 when one of the
 * package's files is missing, SMM448 when they change meanwhile, and as `stageRelease` does.
 */
export async function adoptInstalled(
  store: ReleaseStore,
  request: AdoptRequest,
  options: AdoptOptions = {},
): Promise<ReleaseManifest> {
  const { signal, now = new Date() } = options;
  const active = await activeRelease(store);
  if (active !== null) return active;
  const installed = await installedPrograms(store.paths);
  const bytes = installed.reduce((sum, { stat }) => sum + Number(stat.size), 0);
  const configuration = request.configure(await currentConfiguration(store, request.discoveryHost));
  await cleanLeftovers(store);
  await requireSpace(store.paths.releases, bytes + RESERVE_BYTES, INODES);
  const folder = await beginFolder(store.paths.releases, 'adopted');
  try {
    const digests = await copyInstalled(installed, folder, signal);
    checkpoint('adopt-copied');
    const istioVersion = await tryPrograms(folder, asProxy(store.paths), signal);
    const content = { istioVersion, revision: request.revision, packageDigest: digestOf(digests), configuration };
    const adopted = withoutStrangers(request.processes, installed);
    const facts = { id: releaseId(content), ...content, configuration: request.configurationKind, adopted };
    const release =
      (await earlierAdoption(store, facts.id, adopted, signal)) ??
      (await finish(
        store,
        folder,
        { ...facts, origin: 'adopted', createdAt: now.toISOString() },
        configuration,
        digests,
      ));
    checkpoint('adopt-renamed');
    await options.beforeLink?.();
    await store.setActive(release.id);
    return release;
  } finally {
    await removeTree(folder);
  }
}

/** A machine with an active release is not adopted again: the files of its package are no longer what runs. */
async function activeRelease(store: ReleaseStore): Promise<ReleaseManifest | null> {
  const id = await store.link('active');
  return id === null ? null : store.read(id);
}

async function finish(
  store: ReleaseStore,
  folder: string,
  facts: Omit<ReleaseManifest, 'format' | 'files'>,
  configuration: ReleaseConfiguration,
  digests: ReadonlyMap<string, string>,
): Promise<ReleaseManifest> {
  await requireUnused(store, facts.id);
  await writeConfiguration(folder, store.folder(facts.id), configuration);
  return completeRelease(store, folder, facts, digests);
}

/** The machine's own configuration. */
async function currentConfiguration(store: ReleaseStore, discoveryHost: string | null): Promise<ReleaseConfiguration> {
  return {
    ...(await readInstalledFiles(store.paths)),
    hosts: istiodLine((await readText(store.paths.hosts)) ?? '', discoveryHost),
    // The machine's root certificate belongs to the operator: an adopted release brings none.
    rootCert: null,
  };
}

/**
 * The same adoption, complete except for its link. With other processes, or in another boot, it is another adoption.
 */
async function earlierAdoption(
  store: ReleaseStore,
  id: string,
  adopted: AdoptedProcesses,
  signal: AbortSignal | undefined,
): Promise<ReleaseManifest | null> {
  const manifest = await store.read(id);
  if (manifest === null || JSON.stringify(sorted(manifest.adopted)) !== JSON.stringify(sorted(adopted))) return null;
  return (await releaseProblems(store, id, { deep: true, signal })).length === 0 ? manifest : null;
}

function sorted(adopted: AdoptedProcesses | null): unknown {
  const process = (it: AdoptedProcesses['envoy']) => it && [it.device, it.inode, it.pid, it.startTicks];
  return adopted && [adopted.bootId, process(adopted.envoy), process(adopted.pilotAgent)];
}

/** A process that runs another file than the one that was copied does not run this release: pending is then unknown. */
function withoutStrangers(processes: AdoptedProcesses, installed: Installed[]): AdoptedProcesses {
  const known = (file: 'envoy' | 'pilotAgent') => {
    const stat = installed.find((candidate) => candidate.file === file)?.stat;
    return processes[file]?.inode === String(stat?.ino) ? processes[file] : null;
  };
  return { bootId: processes.bootId, envoy: known('envoy'), pilotAgent: known('pilotAgent') };
}

/** Stands for the package's digest: the package itself is not on disk. */
function digestOf(digests: ReadonlyMap<string, string>): string {
  const lines = PROGRAM_FILES.map((file) => `${file} ${digests.get(RELEASE_FILES[file])}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex');
}
