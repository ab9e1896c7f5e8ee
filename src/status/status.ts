/**
 * One value with everything that the agent reports: the WorkloadEntry, the Lease, status.json, `smm-agent status` and
 * the journal are views of it.
 */
import type { Target } from '../control-plane/target/target.ts';
import type { Decision, Reason, StepName } from '../decision/step.ts';
import type { Wanted } from '../decision/wanted.ts';
import type { AgentWanted } from '../decision/wanted-agent.ts';
import type { Observation } from '../observation/observation.ts';
import type { ConfigInEffect } from '../observation/settings.ts';

/** The state of the agent, with its reason in words. */
export interface AgentState extends Reason {
  state:
    | 'ready'
    /** The configuration file has errors: the daemon runs, and does nothing. */
    | 'misconfigured'
    /** A file or setting on this machine would defeat a switch of releases: nothing is staged. */
    | 'blocked'
    | 'held'
    /** The control plane gives no target, or a step waits for something else. */
    | 'waiting'
    /** The last try of a step failed and will be repeated. */
    | 'failing'
    /** This machine refuses the wanted version, revision or configuration. */
    | 'rejected';
}

export interface ReleaseSummary {
  id: string;
  istioVersion: string;
  revision: string | null;
  problems: string[];
}

/** Written as JSON to /run/smm-agent/status.json: dates are ISO 8601 there. */
export interface Status {
  format: 1;
  at: string;
  agent: AgentState & { version: string; pid: number };
  workloadGroup: { namespace: string; name: string } | null;
  /** The configuration in effect; null if the agent has read none. */
  config: ConfigInEffect | null;
  /** The claims of the token that was used last; missing if no token was used. */
  token?: { group: { namespace: string; name: string } | null; validUntil: string | null } | null;
  target: {
    answer: Target['answer'] | 'not-asked';
    revision: string | null;
    istioVersion: string | null;
    reason: string | null;
  };
  istio: {
    unit: { activeState: string; subState: string; since: string | null; isMasked?: boolean } | null;
    running: ReleaseSummary | null;
    /** Why `running` is null. */
    runningReason: string | null;
    active: ReleaseSummary | null;
    staged: (ReleaseSummary & { since: string | null }) | null;
    wantedId: string | null;
    /** Only when Istio is stopped: since when and by what. */
    stopped: { since: string | null; by: string } | null;
  };
  restart: RestartSummary;
  /** What protects Istio's packages, in words; left out when the control plane was not asked. */
  packages?: string;
  /** The agent's own versions; null if the turn did not look at them. */
  upgrade: UpgradeSummary | null;
  notDone: { step: string; reason: string }[];
  /**
   * Sentences that an operator should read, for example: an edit has no effect, or a cloned machine uses the same name.
   */
  warnings: string[];
  /** istiod has not made this machine's WorkloadEntry yet; left out if nothing was reported. */
  awaitsEntry?: boolean;
  nextPoll: string | null;
  /** The latest time of the next poll; missing if no poll is planned. */
  nextPollBy?: string;
}

/** The agent's own versions and their upgrade. */
export interface UpgradeSummary {
  running: string;
  /** The version that the next start of the agent brings. */
  installed: string | null;
  previous: string | null;
  /** The version that the control plane asks for, even if this machine does not allow it; null if it asks for none. */
  wanted: string | null;
  /** Who holds the agent on its version, also if no other version is wanted; null if there is no hold. */
  heldBy: string | null;
  state: UpgradeState;
  /** In words; null for `current`. */
  reason: string | null;
  /**
   * `reason` without times and counts, so that it stays the same while nothing changes; left out if `reason` has none.
   */
  fact?: string;
  probation: { version: string; from: string; begun: string; prolonged: number } | null;
}

export type UpgradeState =
  /** The wanted version runs. */
  | 'current'
  /** The control plane asks for no version. */
  | 'off'
  | 'held'
  /**
   * This machine refuses the version: not in agent.allow, not a version, or rolled back by the scripts or by an
   * operator.
   */
  | 'rejected'
  /** The last try failed and will be repeated. */
  | 'failing'
  /** The upgrade is under way, or waits for something. */
  | 'waiting'
  /** This version runs on probation. */
  | 'probation';

export interface RestartSummary {
  pending: 'yes' | 'no' | 'unknown';
  /** The differences in words, for example "Istio 1.31.0 to 1.31.1". */
  why: string[];
  since: string | null;
  /** What to run; null when nothing is pending. */
  command: string | null;
  /** The active release was rejected: the next start, which systemd makes by itself, brings the one before. */
  isRollback?: boolean;
}

/** A step that failed. `blocked`: it fails again until the operator changes a file of this machine. */
export interface Failure {
  step: StepName;
  sentence: string;
  blocked: boolean;
}

export interface StatusInput {
  pid: number;
  workloadGroup: { namespace: string; name: string };
  observation: Observation;
  target: Target;
  wanted: Wanted;
  agentWanted: AgentWanted;
  decision: Decision;
  /** The steps that failed in this turn. */
  failures: readonly Failure[];
  warnings: string[];
  nextPoll: Date | null;
  /** The longest random delay of a poll. */
  jitterSeconds?: number;
}
