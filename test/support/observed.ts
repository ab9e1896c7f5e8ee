/** A machine on which all is well, for tests that change one thing about it. */

import { Config } from '../../src/config/schema.ts';
import type { Wanted } from '../../src/decision/wanted.ts';
import type { AgentWanted } from '../../src/decision/wanted-agent.ts';
import type { UnitState } from '../../src/host/systemd/service-manager.ts';
import type { ReleaseConfiguration, ReleaseManifest } from '../../src/istio/release.ts';
import type { AgentObservation, LinkedRelease, Observation } from '../../src/observation/observation.ts';

export const NOW = new Date('2026-11-23T12:00:00Z');
export const minutesAgo = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);

export const CONFIGURATION: ReleaseConfiguration = {
  clusterEnv: "ISTIO_INBOUND_PORTS='*'\n",
  sidecarEnv: '',
  mesh: 'defaultConfig:\n  binaryPath: "@release@/bin/envoy"\n',
  hosts: '10.0.0.1 istiod.istio-system.svc\n',
  rootCert: null,
};

export function release(
  id: string,
  facts: Partial<ReleaseManifest> = {},
  configuration: Partial<ReleaseConfiguration> = {},
): LinkedRelease {
  const manifest: ReleaseManifest = {
    format: 1,
    id,
    istioVersion: id.slice(0, id.lastIndexOf('-')),
    revision: 'default',
    packageDigest: 'd'.repeat(64),
    origin: 'package',
    configuration: 'keep',
    createdAt: minutesAgo(600).toISOString(),
    adopted: null,
    files: {},
    ...facts,
  };
  return { manifest, configuration: { ...CONFIGURATION, ...configuration }, problems: [] };
}

export const OLD = release('1.31.0-aaaaaaaaaaaa', { origin: 'adopted' });
export const NEW = release('1.31.1-bbbbbbbbbbbb');

export const UNIT: UnitState = {
  exists: true,
  activeState: 'active',
  subState: 'running',
  unitFileState: 'enabled',
  result: 'success',
  activeEnter: minutesAgo(60),
  inactiveEnter: null,
  fragmentPath: '/lib/systemd/system/istio.service',
  dropInPaths: [],
  environment: {},
  environmentFiles: [],
  execStartPre: [],
  execStart: [],
  execStopPost: [],
  startLimit: { burst: 5, intervalMs: 10_000, restartMs: 10_000 },
  pids: [],
};

/** The agent as it is most of the time: 0.2.0 runs as a service, and 0.1.0 was before it. */
export const AGENT: AgentObservation = {
  running: '0.2.0',
  installed: '0.2.0',
  previous: '0.1.0',
  versions: ['0.1.0', '0.2.0'],
  probation: null,
  rejected: new Map(),
  left: null,
  invocation: 'i-1',
};

/** The control plane asks for what runs. */
export const SAME: AgentWanted = { answer: 'version', version: '0.2.0', step: 'same', least: null, repository: null };

/** 1.31.0 runs, is active, confirmed, and what is wanted. */
export function observed(change: Partial<Observation> = {}): Observation {
  return {
    at: NOW,
    bootId: 'boot',
    unit: UNIT,
    job: null,
    running: { answer: 'release', id: OLD.manifest.id, upMs: 3_600_000 },
    active: OLD,
    staged: null,
    previous: null,
    stagedSince: null,
    pending: { answer: 'no', running: OLD.manifest.id },
    unitCheck: { answer: 'ours' },
    hasDropIn: true,
    unitFile: 'there',
    stop: null,
    ends: 0,
    startLimit: null,
    health: null,
    identity: { address: null, network: '' },
    own: { revision: 'default', configuration: CONFIGURATION },
    releases: [OLD],
    confirmed: new Set([OLD.manifest.id]),
    rejected: new Map(),
    agent: AGENT,
    hostsLine: { answer: 'there' },
    ignoredEdits: [],
    settings: null,
    ...change,
  };
}

export function wants({ manifest, configuration }: LinkedRelease): Extract<Wanted, { answer: 'release' }> {
  const name = manifest.revision ?? 'default';
  return {
    answer: 'release',
    istioVersion: manifest.istioVersion,
    revision: { asked: name, name },
    kind: 'keep',
    configuration,
  };
}

export function config(
  change: { hold?: boolean; startWhenStopped?: 'when-pending' | 'always' | 'never' } = {},
): Config {
  return Config.parse({
    workloadGroup: { namespace: 'vm-apps', name: 'reviews' },
    controlPlane: { server: 'https://10.0.0.1:6443' },
    hold: change.hold ?? false,
    istio: { startWhenStopped: change.startWhenStopped ?? 'when-pending' },
  });
}
