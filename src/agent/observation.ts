/** What is true on this machine, read afresh each turn from disk, systemd and /proc: never from memory. */
import type { Rejection } from '../host/rejections.ts';
import type { UnitState } from '../host/service-manager.ts';
import type { UnitFile } from '../istio/activation/kept-unit.ts';
import type { StopRecord } from '../istio/activation/stop-record.ts';
import type { UnitCheck } from '../istio/activation/unit-check.ts';
import type { OwnConfiguration } from '../istio/own-configuration.ts';
import type { RestartPending } from '../istio/pending.ts';
import type { ProxyHealth } from '../istio/proxy-health.ts';
import type { ReleaseConfiguration, ReleaseId, ReleaseManifest } from '../istio/release.ts';
import type { Running } from '../istio/running.ts';

/** A release that a link names, with whatever is wrong with it: empty problems mean complete and executable. */
export interface LinkedRelease {
  manifest: ReleaseManifest;
  /** With RELEASE_FOLDER instead of the release's own folder. */
  configuration: ReleaseConfiguration;
  problems: string[];
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
  unitFile: UnitFile;
  stop: StopRecord | null;
  health: ProxyHealth | null;
  /** The machine's own configuration, null before the adoption. */
  own: OwnConfiguration | null;
  /** Every complete release on disk. */
  releases: LinkedRelease[];
  confirmed: ReadonlySet<ReleaseId>;
  rejected: ReadonlyMap<ReleaseId, Rejection>;
  /** Sentences about files that are edited but no longer read (the old cluster.env). */
  ignoredEdits: string[];
}
