/** What is true on this machine, read afresh each turn from disk, systemd and /proc: never from memory. */
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

/** A release that a link names, with whatever is wrong with it: empty problems mean complete and executable. */
export interface LinkedRelease {
  manifest: ReleaseManifest;
  /** With RELEASE_FOLDER instead of the release's own folder. */
  configuration: ReleaseConfiguration;
  problems: string[];
}

/** The agent's own versions. */
export interface AgentObservation {
  /** Of this process. */
  running: string;
  /** What `current` names, and what it named before; null where it is no version. */
  installed: string | null;
  /** When `current` came to name it; left out where that is not known. */
  installedAt?: Date | null;
  previous: string | null;
  /** Complete on disk, the one that was put in place first at the beginning. */
  versions: string[];
  /** Whichever version is on it; null when none is. */
  probation: Probation | null;
  rejected: ReadonlyMap<string, VersionRejection>;
  left: LeftVersion | null;
  /**
   * $INVOCATION_ID where systemd runs this process as smm-agent.service; null elsewhere: there nobody would start it
   * again.
   */
  invocation: string | null;
}

export interface Observation {
  at: Date;
  bootId: string;
  unit: UnitState;
  /** The job that systemd has queued for istio.service, null without one. */
  job: string | null;
  running: Running;
  active: LinkedRelease | null;
  staged: LinkedRelease | null;
  /** What was active before the last switch. */
  previous: ReleaseId | null;
  /** When the link `staged` was made. */
  stagedSince: Date | null;
  pending: RestartPending;
  unitCheck: UnitCheck;
  /** systemd has read the drop-in of ours: Istio was adopted here once. */
  hasDropIn: boolean;
  unitFile: UnitFile;
  stop: StopRecord | null;
  /**
   * Of a failed unit: how often the release that ended last has ended, one start after the other, since the switch to
   * it.
   */
  ends: number;
  /** That an operator's limit leaves no room for a rollback, in words. */
  startLimit: string | null;
  /** Of the release that runs; null when it was not asked, since it is confirmed. */
  health: ProxyHealth | null;
  /** How the mesh knows what runs here, or else what would start. */
  identity: ProxyIdentity;
  /** The machine's own configuration, null before the adoption. */
  own: OwnConfiguration | null;
  /** Every complete release on disk. */
  releases: LinkedRelease[];
  confirmed: ReadonlySet<ReleaseId>;
  rejected: ReadonlyMap<ReleaseId, Rejection>;
  agent: AgentObservation;
  /** The active release's line of /etc/hosts. */
  hostsLine: HostsLine;
  /** Sentences about files that are edited but no longer read (the old cluster.env). */
  ignoredEdits: string[];
  /** What the operator gives the agent; null where the looker works by no configuration. */
  settings: Settings | null;
}

/** Whether this process is the version that is on probation. */
export function isOnProbation({ agent: { probation, running } }: Pick<Observation, 'agent'>): boolean {
  return probation !== null && probation.to === running;
}

/**
 * As long as it could be to blame itself it changes nothing; afterwards the machine must not wait for a control plane
 * that is away.
 */
export function isUntried(observation: Pick<Observation, 'agent'>): boolean {
  return isOnProbation(observation) && observation.agent.probation?.extended === 0;
}
