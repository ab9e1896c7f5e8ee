/** Observes the machine: reads disk, systemd and /proc again. Changes nothing. */
import { AgentError, describeError, isAgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { readBootId } from '../host/boot-id.ts';
import type { Clock } from '../host/clock.ts';
import { readText } from '../host/files/files.ts';
import type { ServiceManager } from '../host/systemd/service-manager.ts';
import { ISTIO_UNIT } from '../istio/activation/drop-in.ts';
import { isHoldMarked } from '../istio/activation/hold-marker.ts';
import { lookAtUnitFile } from '../istio/activation/kept-unit.ts';
import { ignoredEdits } from '../istio/activation/old-configuration.ts';
import { ProxyReach } from '../istio/activation/reach.ts';
import { startLimitNote } from '../istio/activation/start-limit.ts';
import { readStopRecord } from '../istio/activation/stop-record.ts';
import { readEnds, readPreviousRelease } from '../istio/activation/switch-record.ts';
import { checkUnit } from '../istio/activation/unit-check.ts';
import { readUnitFacts } from '../istio/activation/unit-facts.ts';
import { type OwnConfiguration, readOwnConfiguration } from '../istio/configuration/own-configuration.ts';
import { releaseDifference } from '../istio/configuration/release-difference.ts';
import { glanceAtInstalledFiles } from '../istio/installed-files.ts';
import { type RestartPending, restartPending } from '../istio/pending.ts';
import { proxyIdentity, type UnitEnvironment } from '../istio/proxy-environment.ts';
import { type ProxyHealth, proxyHealth } from '../istio/proxy-health.ts';
import type { ReleaseConfiguration, ReleaseId, ReleaseManifest } from '../istio/release.ts';
import { ReleaseFindings } from '../istio/releases/findings.ts';
import { lookForLine } from '../istio/releases/hosts-line.ts';
import { releaseProblems } from '../istio/releases/problems.ts';
import { ReleaseStore } from '../istio/releases/store.ts';
import { lookAtRunning, type Running } from '../istio/running.ts';
import type { LinkedRelease, Observation } from './observation.ts';
import { observeAgent } from './own-versions.ts';

export interface Eyes {
  paths: Paths;
  clock: Clock;
  services: ServiceManager;
  /** $INVOCATION_ID if this process is the daemon and systemd runs it; otherwise null. */
  invocation?: string | null;
  /** Keeps the results of tries as user istio-proxy from turn to turn. */
  reach?: ProxyReach;
}

/** Rejects if a file cannot be read: that is not the same as a missing file. */
export async function observe({
  paths,
  clock,
  services,
  invocation = null,
  reach = new ProxyReach(paths),
}: Eyes): Promise<Observation> {
  const store = new ReleaseStore(paths);
  const findings = new ReleaseFindings(paths.state, clock);
  const bootId = await readBootId(paths);
  const unit = await services.unit(ISTIO_UNIT);
  const isDown = unit.activeState === 'inactive' || unit.activeState === 'failed';
  const releases = await readReleases(store);
  const [activeId, stagedId] = [await store.link('active'), await store.link('staged')];
  const linked = async (id: ReleaseId | null) => (id === null ? null : linkedRelease(id, releases, store));
  const [active, staged] = [await linked(activeId), await linked(stagedId)];
  const running = await lookAtRunning(unit, {
    paths,
    bootId,
    releases: releases.map(({ manifest }) => manifest),
    active: activeId,
  });
  const confirmed = await findings.confirmed();
  const rejected = await findings.rejections.read();
  const unitFacts = await readUnitFacts(paths, unit, activeId, await reach.look());
  const unitCheck = checkUnit(unitFacts);
  const unitEnvironment = { variables: unit.environment, files: unitFacts.environmentFiles.map(({ text }) => text) };
  const started = startedWith(running, releases, active);
  const stop = isDown || running.answer === 'nothing' ? await readStopRecord(paths, bootId, unit) : null;
  const own = await ownConfiguration(paths);
  // istio-switch does not switch to what is staged then, but for a rollback; the agent withdraws it, unless it is dead.
  const isHeld = (await isHoldMarked(paths)) && !(active !== null && rejected.has(active.manifest.id));
  const unconfirmed = running.answer === 'release' && !confirmed.has(running.id);
  return {
    at: clock.now(),
    bootId,
    unit,
    // Ask only if the answer matters: each request starts a process.
    job: isDown ? await services.job(ISTIO_UNIT) : null,
    running,
    active,
    staged,
    previous: await readPreviousRelease(paths),
    stagedSince: await store.linkedSince('staged'),
    pending: await isPending(store, { running, unitCheck, active, staged: isHeld ? null : staged, releases }),
    unitCheck,
    hasDropIn: unit.dropInPaths.includes(paths.istio.dropIn),
    unitFile: await lookAtUnitFile(paths, unit),
    stop,
    ends: unit.activeState === 'failed' && stop?.release ? await readEnds(paths, stop.release) : 0,
    startLimit: startLimitNote(unit, unitFacts.unitFiles),
    health: unconfirmed && started !== null ? await healthOf(started, unitEnvironment) : null,
    identity: await proxyIdentity(started ?? (await glanceAtInstalledFiles(paths)), unitEnvironment),
    own,
    releases,
    confirmed,
    rejected,
    agent: await observeAgent({ paths, clock }, invocation),
    hostsLine: lookForLine((await readText(paths.hosts)) ?? '', active?.configuration.hosts ?? ''),
    ignoredEdits: [...(await ignoredEdits(paths, own?.configuration ?? null)), ...unitFacts.unreadable],
    settings: null,
  };
}

/** The configuration of the running Istio, or of the next start; null for the package's own files. */
function startedWith(
  running: Running,
  releases: readonly LinkedRelease[],
  active: LinkedRelease | null,
): ReleaseConfiguration | null {
  if (running.answer === 'package') return null;
  const release =
    running.answer === 'release' ? releases.find(({ manifest }) => manifest.id === running.id) : undefined;
  return (release ?? active)?.configuration ?? null;
}

async function healthOf(configuration: ReleaseConfiguration, unit: UnitEnvironment): Promise<ProxyHealth> {
  try {
    const { proxyEndpoints } = await import('../istio/proxy-endpoints.ts');
    return await proxyHealth(proxyEndpoints(configuration, unit));
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { answer: 'not-ready', reason: `cannot tell at which ports it answers: ${describeError(error)}` };
  }
}

async function readReleases(store: ReleaseStore): Promise<LinkedRelease[]> {
  const manifests = await store.list();
  return Promise.all(
    manifests.map(async (manifest) => ({
      manifest,
      configuration: await store.configuration(manifest.id),
      problems: await releaseProblems(store, manifest.id),
    })),
  );
}

/**
 * A link that names no complete release must not end the observation: istio-activate goes back to the newest confirmed
 * release, and the agent stages the wanted one.
 */
async function linkedRelease(
  id: ReleaseId,
  releases: readonly LinkedRelease[],
  store: ReleaseStore,
): Promise<LinkedRelease> {
  const release = releases.find(({ manifest }) => manifest.id === id);
  if (release !== undefined) return release;
  const [problem = `${store.folder(id)} is not complete`, ...others] = await releaseProblems(store, id);
  return { manifest: unreadableManifest(id), configuration: NO_CONFIGURATION, problems: [problem, ...others] };
}

const NO_CONFIGURATION: ReleaseConfiguration = { clusterEnv: '', sidecarEnv: '', mesh: '', hosts: '', rootCert: null };

/** A manifest made from the id alone, since release.json cannot be read. */
function unreadableManifest(id: ReleaseId): ReleaseManifest {
  const istioVersion = id.slice(0, id.lastIndexOf('-'));
  const facts = { packageDigest: '', origin: 'package', configuration: 'keep', adopted: null, files: {} } as const;
  return { format: 1, id, istioVersion, revision: null, createdAt: new Date(0).toISOString(), ...facts };
}

/** A damaged record counts as none: src/decision/wanted.ts then says what to do, and the turn goes on. */
async function ownConfiguration({ state }: Paths): Promise<OwnConfiguration | null> {
  try {
    return await readOwnConfiguration(state);
  } catch (error) {
    if (isAgentError(error, 'SMM449')) return null;
    throw error;
  }
}

async function isPending(
  store: ReleaseStore,
  {
    running,
    unitCheck,
    active,
    staged,
    releases,
  }: Pick<Observation, 'running' | 'unitCheck' | 'active' | 'staged' | 'releases'>,
): Promise<RestartPending> {
  const next = staged ?? active;
  const name = staged === null ? 'active' : 'staged';
  const since = next === null ? null : await store.linkedSince(name);
  return restartPending({
    running,
    isOurs: unitCheck.answer === 'ours',
    blocked: unitCheck.answer === 'blocked' ? unitCheck.findings.map(({ text }) => text).join('; ') : null,
    next: next === null || since === null ? null : { id: next.manifest.id, since, problems: next.problems },
    why: (before, after) => {
      const [from, to] = [before, after].map((id) => releases.find(({ manifest }) => manifest.id === id));
      return from === undefined || to === undefined ? [] : releaseDifference(from, to);
    },
  });
}
