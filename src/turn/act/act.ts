/** Takes the steps. Each can be repeated, and cut off anywhere: the next turn completes it. */

import { AgentError, isAgentError } from '../../base/errors.ts';
import { onMachine, type Paths } from '../../base/paths.ts';
import { downloadProxy } from '../../config/proxy.ts';
import { isNotPinned } from '../../decision/package-pin.ts';
import type { Step } from '../../decision/step.ts';
import type { PackageSource } from '../../downloads/source.ts';
import { packageArchitecture } from '../../host/architecture.ts';
import { readText } from '../../host/files/files.ts';
import { ISTIO_UNIT, installDropIn } from '../../istio/activation/drop-in.ts';
import { giveUnitFileBack, keepUnitFile } from '../../istio/activation/kept-unit.ts';
import { noteOldConfiguration } from '../../istio/activation/old-configuration.ts';
import { discoveryAddress, hostOf } from '../../istio/configuration/discovery.ts';
import { writeOwnConfiguration } from '../../istio/configuration/own-configuration.ts';
import { glanceAtInstalledFiles } from '../../istio/installed-files.ts';
import type { UnpackedFile } from '../../istio/package/format.ts';
import type { ReleaseConfiguration } from '../../istio/release.ts';
import { ReleaseFindings } from '../../istio/releases/findings.ts';
import { lookForLine } from '../../istio/releases/hosts-line.ts';
import { ReleaseStore } from '../../istio/releases/store.ts';
import type { Observation } from '../../observation/observation.ts';
import { cleanVersions, restart, upgrade } from './own-version.ts';
import { aboutPackage } from './refusal.ts';
import type { Hands, StepContext } from './step-context.ts';

/** A unit of the agent's package. */
const HOSTS_UNIT = 'smm-agent-hosts.service';

export async function take(step: Step, hands: Hands, context: StepContext): Promise<void> {
  const store = new ReleaseStore(hands.paths);
  switch (step.do) {
    case 'withdraw':
      return store.setStaged(null);
    case 'adopt':
      return adopt(step.revision, store, hands, context);
    case 'install-drop-in':
      return installDropIn(hands.paths, hands.services, (await context.observed()).bootId);
    case 'keep-unit-file':
      return keepUnitFile(hands.paths, hands.services);
    case 'give-unit-file-back':
      return giveUnitFileBack(hands.paths, hands.services);
    case 'stage':
      return stage(step, store, hands, context);
    case 'point-staged':
      return point(step.id, store, hands.paths);
    case 'confirm':
      return new ReleaseFindings(hands.paths.state, hands.clock).confirm(step.id);
    case 'start':
      if ((await context.observed()).unit.activeState === 'failed') await hands.services.resetFailed(ISTIO_UNIT);
      return hands.services.start(ISTIO_UNIT);
    case 'restore-hosts':
      return restoreHosts(step.line, hands);
    case 'clean':
      return clean(step, store, hands);
    case 'upgrade-agent':
      return upgrade(step, hands, context);
    case 'restart-agent':
      return restart(hands);
    case 'clean-versions':
      return cleanVersions(step, hands);
  }
}

async function adopt(
  revision: string,
  store: ReleaseStore,
  { paths, clock }: Hands,
  { observed, signal }: StepContext,
): Promise<void> {
  const observation = await observed();
  const { bootId } = observation;
  const processes = adoptedProcesses(observation);
  const { adoptInstalled } = await import('../../istio/releases/adopt.ts');
  const { adoptedConfiguration } = await import('../../istio/configuration/next-configuration.ts');
  let own: ReleaseConfiguration | null = null;
  const release = await adoptInstalled(
    store,
    {
      revision,
      configurationKind: 'keep',
      processes: { bootId, ...processes },
      discoveryHost: await installedDiscoveryHost(paths),
      configure: (current) => {
        own = current;
        return adoptedConfiguration(current, paths.active, paths.istio);
      },
    },
    { signal, now: clock.now(), beforeLink: async () => rememberOwn(paths, revision, own) },
  );
  await new ReleaseFindings(paths.state, clock).confirm(release.id);
}

/**
 * The running processes of the package's Istio. After an adoption that was cut off: those that its release has noted.
 */
function adoptedProcesses({ running, releases }: Observation) {
  if (running.answer === 'package') return running.processes;
  const noted = releases.find(({ manifest }) => running.answer === 'release' && manifest.id === running.id)?.manifest;
  if (noted?.adopted) return { envoy: noted.adopted.envoy, pilotAgent: noted.adopted.pilotAgent };
  throw new AgentError(
    'SMM509',
    "cannot adopt Istio: it does not run from its package's files",
    'nothing: the agent tries again when it does',
  );
}

/**
 * Called before the link `active` is set: with that link the adoption is complete, and no later turn would add the
 * record.
 */
async function rememberOwn(paths: Paths, revision: string, own: ReleaseConfiguration | null): Promise<void> {
  if (own === null) throw new Error('an adoption reads the configuration of the machine first');
  await writeOwnConfiguration(paths.state, { revision, configuration: own });
  await noteOldConfiguration(paths);
}

/** The host of istiod in Istio's own files. */
export async function installedDiscoveryHost(paths: Paths): Promise<string> {
  return hostOf(discoveryAddress(await glanceAtInstalledFiles(paths)));
}

/**
 * The agent cannot write in /etc, so a unit of its package writes the line, with the script that each start of Istio
 * runs too.
 */
async function restoreHosts(line: string, { paths, services }: Hands): Promise<void> {
  const remedy = `journalctl -u ${HOSTS_UNIT} shows why; or add the line to ${paths.hosts} yourself`;
  try {
    await services.start(HOSTS_UNIT);
  } catch (cause) {
    throw new AgentError('SMM512', `cannot restore "${line}" in ${paths.hosts}`, remedy, { cause });
  }
  if (lookForLine((await readText(paths.hosts)) ?? '', line).answer === 'there') return;
  throw new AgentError('SMM512', `cannot restore "${line}" in ${paths.hosts}: it is still missing`, remedy);
}

async function stage(
  { wanted, repository }: Extract<Step, { do: 'stage' }>,
  store: ReleaseStore,
  hands: Hands,
  { observed, tell, signal }: StepContext,
): Promise<void> {
  const { paths, clock } = hands;
  const { stageRelease } = await import('../../istio/releases/stage.ts');
  const { istioVersion, revision, configuration, kind } = wanted;
  const request = { istioVersion, revision: revision.name, configuration, configurationKind: kind };
  // The same version with another configuration needs no download: its programs are on disk.
  const { releases } = await observed();
  const mayUse = usable(hands, istioVersion, releases);
  const sameVersion = releases.findLast(
    ({ manifest, problems }) => manifest.istioVersion === istioVersion && problems.length === 0 && mayUse(manifest),
  );
  const onPassedOver = (path: string, file: UnpackedFile) =>
    tell({
      kind: 'detail',
      text: "skipped a file of the package that is not one of Istio's six",
      fields: { path, ...file },
    });
  const options = { signal, now: clock.now(), onPassedOver };
  if (sameVersion !== undefined) {
    const { packageDigest } = sameVersion.manifest;
    const made = stageRelease(store, { ...request, packageDigest, fetchPackage: null }, options);
    const release = await made.catch(withoutProgramsOnDisk);
    if (release !== null) return store.setStaged(release.id);
  }
  const source = await packageSource(hands, repository);
  const description = await source.describe(istioVersion, signal);
  const onProgress = ({ bytes, total }: { bytes: number; total: number | null }) =>
    tell({ kind: 'progress', bytes, total });
  const fetchPackage = () => source.fetch(description, { signal, onProgress });
  const packageDigest = description.sha256;
  const staging = stageRelease(store, { ...request, packageDigest, fetchPackage }, options);
  const release = await staging.catch((error: unknown) => {
    throw aboutPackage(error, packageDigest);
  });
  await point(release.id, store, paths);
}

/**
 * Which releases on disk may give their programs: not a mirror's package that is not the pinned one, but always the
 * machine's own package.
 */
function usable({ config, pinOf }: Hands, istioVersion: string, releases: Observation['releases']) {
  if (config.istio.source !== 'official') return () => true;
  const own = new Set(
    releases.filter(({ manifest }) => manifest.adopted).map(({ manifest }) => manifest.packageDigest),
  );
  let pin: string | null;
  try {
    pin = pinOf(istioVersion, packageArchitecture());
  } catch (error) {
    // Programs on disk need no mirror, so no pin is needed.
    if (isNotPinned(error)) pin = null;
    else throw error;
  }
  return ({ packageDigest }: { packageDigest: string }) =>
    pin === null || packageDigest === pin || own.has(packageDigest);
}

/** `url` is the URL of the signed repository, null if none is configured. */
export async function packageSource(
  { config, paths, clock, repository, pinOf }: Omit<Hands, 'services'>,
  url: string | null,
): Promise<PackageSource> {
  if (config.istio.source === 'official') {
    const { OfficialDownloads } = await import('../../downloads/official.ts');
    const { downloads: baseUrl, caFile } = config.istio;
    const trust = { caFile: caFile === undefined ? null : onMachine(paths, caFile), root: paths.root };
    const proxy = downloadProxy(config);
    return new OfficialDownloads({ baseUrl, pinOf, ...trust, proxy, folder: paths.downloads, clock });
  }
  const { SignedPackages } = await import('../../downloads/signed-packages.ts');
  return new SignedPackages(await repository(url));
}

/**
 * Deletes the 100 MB download before it sets the link: if the agent is killed in between, the next turn sets the link.
 */
async function point(id: string, store: ReleaseStore, paths: Paths): Promise<void> {
  await removeDownloads(store, paths);
  await store.setStaged(id);
}

async function removeDownloads(store: ReleaseStore, { downloads }: Paths): Promise<void> {
  const { cleanDownloads } = await import('../../downloads/clean.ts');
  await cleanDownloads(downloads, { istio: new Set((await store.list()).map(({ istioVersion }) => istioVersion)) });
}

/**
 * The programs on disk are damaged: null, so that they are downloaded. Turns do not check digests before the programs
 * are used again.
 */
function withoutProgramsOnDisk(error: unknown): null {
  if (isAgentError(error, 'SMM445')) return null;
  throw error;
}

async function clean(
  { keep }: Extract<Step, { do: 'clean' }>,
  store: ReleaseStore,
  { paths, clock }: Hands,
): Promise<void> {
  const { cleanReleases } = await import('../../istio/releases/clean.ts');
  // `keep` is complete: decide has already added a spare release.
  const removed = await cleanReleases(store, new Set(keep), '/proc', 0);
  await removeDownloads(store, paths);
  const findings = new ReleaseFindings(paths.state, clock);
  for (const id of removed) await findings.forgetConfirmed(id);
}
