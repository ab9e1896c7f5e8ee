/** The facts of this machine. Each turn reads them again from disk, systemd and /proc, never from memory. */
import type { Rejection } from '../host/rejections.ts';
import type { UnitState } from '../host/systemd/service-manager.ts';
import type { UnitFile } from '../istio/activation/kept-unit.ts';
import type { StopRecord } from '../istio/activation/stop-record.ts';
import type { UnitCheck } from '../istio/activation/unit-check.ts';
import type { OwnConfiguration } from '../istio/configuration/own-configuration.ts';
import type { RestartPending } from '../istio/pending.ts';
import type { ProxyIdentity } from '../istio/proxy-environment.ts';
import type { ProxyHealth } from '../istio/proxy-health.ts';
import type { ReleaseConfiguration, ReleaseId, ReleaseManifest } from '../istio/release.ts';
import type { HostsLine } from '../istio/releases/hosts-line.ts';
import type { Running } from '../istio/running.ts';
import type { LeftVersion } from '../versions/operators-choice.ts';
import type { Probation } from '../versions/probation.ts';
import type { VersionRejection } from '../versions/rejections.ts';
import type { Settings } from './settings.ts';

/** A release that a link names, with its problems: without any, the release is complete and executable. */
export interface LinkedRelease {
  manifest: ReleaseManifest;
  /** With the placeholder RELEASE_FOLDER instead of the release's own folder. */
  configuration: ReleaseConfiguration;
  problems: string[];
}

/** The agent's own versions. */
export interface AgentObservation {
  /** The version of this process. */
  running: string;
  /** The version that the link `current` names; null if it names none. */
  installed: string | null;
  /** When the link `current` was set; left out if unknown. */
  installedAt?: Date | null;
  /** The version that the link `previous` names; null if it names none. */
  previous: string | null;
  /** Complete versions on disk, the oldest installation first. */
  versions: string[];
  /** The probation of any version; null if there is none. */
  probation: Probation | null;
  rejected: ReadonlyMap<string, VersionRejection>;
  left: LeftVersion | null;
  /**
   * $INVOCATION_ID if systemd runs this process as smm-agent.service; otherwise null: systemd would not start it again.
   */
  invocation: string | null;
}

export interface Observation {
  at: Date;
  bootId: string;
  unit: UnitState;
  /** The job that systemd has queued for istio.service; null if there is none. */
  job: string | null;
  running: Running;
  active: LinkedRelease | null;
  staged: LinkedRelease | null;
  /** The release that was active before the last switch. */
  previous: ReleaseId | null;
  /** When the link `staged` was made. */
  stagedSince: Date | null;
  pending: RestartPending;
  unitCheck: UnitCheck;
  /** systemd has read the agent's drop-in: Istio was adopted here once. */
  hasDropIn: boolean;
  unitFile: UnitFile;
  stop: StopRecord | null;
  /**
   * Of a failed unit: how many times in a row the last release has exited since the switch to it.
   */
  ends: number;
  /** A warning that an operator's StartLimitBurst prevents a rollback; null if it does not. */
  startLimit: string | null;
  /** Of the running release; null if it was not checked, since the release is confirmed. */
  health: ProxyHealth | null;
  /** The address and network with which the mesh knows the running proxy, or the proxy of the next start. */
  identity: ProxyIdentity;
  /** The machine's own configuration; null before the adoption, or if its record is damaged. */
  own: OwnConfiguration | null;
  /** Every complete release on disk. */
  releases: LinkedRelease[];
  confirmed: ReadonlySet<ReleaseId>;
  rejected: ReadonlyMap<ReleaseId, Rejection>;
  agent: AgentObservation;
  /** Whether /etc/hosts has the line of the active release. */
  hostsLine: HostsLine;
  /** Sentences about files that are edited but no longer read (the old cluster.env). */
  ignoredEdits: string[];
  /** The operator's settings; null if the observer uses no configuration. */
  settings: Settings | null;
}

/** Whether this process is the version that is on probation. */
export function isOnProbation({ agent: { probation, running } }: Pick<Observation, 'agent'>): boolean {
  return probation !== null && probation.to === running;
}

/**
 * Whether this version takes no step yet: it is on probation, and its first deadline has not passed. Until then the
 * version may be to blame for a failure. Later it works even if the control plane is down: the machine must not wait.
 */
export function isUntried(observation: Pick<Observation, 'agent'>): boolean {
  return isOnProbation(observation) && observation.agent.probation?.extended === 0;
}
