/** Looks at the machine: disk, systemd and /proc, all afresh. Changes nothing. */
import { AgentError } from '../errors.ts';
import { readBootId } from '../host/boot-id.ts';
import type { Clock } from '../host/clock.ts';
import type { ServiceManager } from '../host/service-manager.ts';
import { ISTIO_UNIT } from '../istio/activation/drop-in.ts';
import { lookAtUnitFile } from '../istio/activation/kept-unit.ts';
import { ignoredEdits } from '../istio/activation/old-configuration.ts';
import { readStopRecord } from '../istio/activation/stop-record.ts';
import { readPreviousRelease } from '../istio/activation/switch-record.ts';
import { checkUnit } from '../istio/activation/unit-check.ts';
import { readUnitFacts } from '../istio/activation/unit-facts.ts';
import { readOwnConfiguration } from '../istio/own-configuration.ts';
import { type RestartPending, restartPending } from '../istio/pending.ts';
import { PROXY_ENDPOINTS, type ProxyEndpoints, proxyHealth } from '../istio/proxy-health.ts';
import type { ReleaseId } from '../istio/release.ts';
import { releaseDifference } from '../istio/release-difference.ts';
import { ReleaseFindings } from '../istio/releases/findings.ts';
import { releaseProblems } from '../istio/releases/problems.ts';
import { ReleaseStore } from '../istio/releases/store.ts';
import { lookAtRunning } from '../istio/running.ts';
import type { Paths } from '../paths.ts';
import type { LinkedRelease, Observation } from './observation.ts';

export interface Eyes {
  paths: Paths;
  clock: Clock;
  services: ServiceManager;
  /** Where Envoy and pilot-agent answer; others in tests. */
  proxy?: ProxyEndpoints;
}

/** Rejects when something cannot be read: that is not the same as absent. */
export async function observe({ paths, clock, services, proxy = PROXY_ENDPOINTS }: Eyes): Promise<Observation> {
  const store = new ReleaseStore(paths);
  const findings = new ReleaseFindings(paths.state, clock);
  const bootId = await readBootId(paths);
  const unit = await services.unit(ISTIO_UNIT);
  const isDown = unit.activeState === 'inactive' || unit.activeState === 'failed';
  const releases = await readReleases(store);
  const [activeId, stagedId] = [await store.link('active'), await store.link('staged')];
  const linked = (id: ReleaseId | null) => (id === null ? null : linkedRelease(id, releases));
  const [active, staged] = [linked(activeId), linked(stagedId)];
  const running = await lookAtRunning(unit, {
    paths,
    bootId,
    releases: releases.map(({ manifest }) => manifest),
    active: activeId,
    now: clock.now(),
  });
  const confirmed = await findings.confirmed();
  const unitCheck = checkUnit(await readUnitFacts(paths, unit, activeId));
  const unconfirmed = running.answer === 'release' && !confirmed.has(running.id);
  return {
    at: clock.now(),
    bootId,
    unit,
    // Asked only where the answer matters: each question is a process.
    job: isDown ? await services.job(ISTIO_UNIT) : null,
    running,
    active,
    staged,
    previous: await readPreviousRelease(paths),
    stagedSince: await store.linkedSince('staged'),
    pending: await isPending(store, { running, unitCheck, active, staged, releases }),
    unitCheck,
    unitFile: await lookAtUnitFile(paths, unit),
    stop: isDown ? await readStopRecord(paths, bootId, unit) : null,
    health: unconfirmed ? await proxyHealth(proxy) : null,
    own: await readOwnConfiguration(paths.state),
    releases,
    confirmed,
    rejected: await findings.rejected(),
    ignoredEdits: await ignoredEdits(paths),
  };
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

/** Rejects with SMM403 when a link names a folder that is no release: what Istio starts with next is then unknown. */
function linkedRelease(id: ReleaseId, releases: readonly LinkedRelease[]): LinkedRelease {
  const release = releases.find(({ manifest }) => manifest.id === id);
  if (release !== undefined) return release;
  const remedy = 'run smm-agent retry; where that does not help, remove the link, and the agent adopts Istio again';
  throw new AgentError('SMM403', `cannot use release ${id}: its folder is gone or not complete`, remedy);
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
    blocked: unitCheck.answer === 'blocked' ? unitCheck.findings.map(({ text }) => text).join('; ') : null,
    next: next === null || since === null ? null : { id: next.manifest.id, since, problems: next.problems },
    why: (before, after) => {
      const [from, to] = [before, after].map((id) => releases.find(({ manifest }) => manifest.id === id));
      return from === undefined || to === undefined ? [] : releaseDifference(from, to);
    },
  });
}
