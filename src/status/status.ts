/**
 * One value with everything that people and programs are told: the WorkloadEntry, the Lease, status.json, `smm-agent status`
 * and the journal are views of it. Pure.
 */
import type { Target } from '../control-plane/target/target.ts';
import type { Decision, Reason, StepName } from '../decision/step.ts';
import type { Wanted } from '../decision/wanted.ts';
import type { AgentWanted } from '../decision/wanted-agent.ts';
import type { Observation } from '../observation/observation.ts';
import type { ConfigInEffect } from '../observation/settings.ts';

/** What the agent itself is about; its reason says it in words. */
export interface AgentState extends Reason {
  state:
    | 'ready'
    /** The configuration file has errors: the daemon is up and idle. */
    | 'misconfigured'
    /** Something on this machine would defeat the agent: nothing is staged. */
    | 'blocked'
    | 'held'
    /** The control plane gives no target to work for. */
    | 'waiting'
    /** The last try of a step failed and will be repeated. */
    | 'failing'
    /** Version, revision or configuration of what is wanted is refused here. */
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
  /** The configuration that the agent works by; null where it has read none. */
  config: ConfigInEffect | null;
  /** The token that was used last, as it describes itself; not there where none was. */
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
  /** Who vouches for Istio's packages, in words; left out when the control plane was not asked. */
  packages?: string;
  /** The agent's own versions; null when it was not looked at. */
  upgrade: UpgradeSummary | null;
  notDone: { step: string; reason: string }[];
  /** Sentences that an operator should read: edits that have no effect, a clone that shares the name, ... */
  warnings: string[];
  /** istiod has not made this machine's WorkloadEntry yet; left out where nothing was reported. */
  awaitsEntry?: boolean;
  nextPoll: string | null;
  /** The latest time of that poll; not there without one. */
  nextPollBy?: string;
}

/** What the agent is about itself. */
export interface UpgradeSummary {
  running: string;
  /** What starts next. */
  installed: string | null;
  previous: string | null;
  /** What the control plane asks for, whether this machine allows it or not; null where it asks for nothing. */
  wanted: string | null;
  /** What keeps it on its version, whether another one is wanted or not; null when nothing does. */
  heldBy: string | null;
  state: UpgradeState;
  /** In words; null for `current`. */
  reason: string | null;
  /** The part of `reason` that stays the same while nothing changes; left out where that is all of it. */
  fact?: string;
  probation: { version: string; from: string; begun: string; prolonged: number } | null;
}

export type UpgradeState =
  /** What is wanted runs. */
  | 'current'
  /** Nobody asks for a version. */
  | 'off'
  | 'held'
  /** It is refused here: outside of agent.allow, no version at all, put back before, or left by an operator. */
  | 'rejected'
  /** The last try failed and will be repeated. */
  | 'failing'
  /** It is under way, or waits for something. */
  | 'waiting'
  /** This version runs on probation. */
  | 'probation';

export interface RestartSummary {
  pending: 'yes' | 'no' | 'unknown';
  /** In words, for example "Istio 1.31.0 to 1.31.1". */
  why: string[];
  since: string | null;
  /** What to run; null when nothing is pending. */
  command: string | null;
}

/** A step that failed. `blocked`: by what an operator's own file says, and not before that is changed will it be otherwise. */
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
  /** istiod has not made this machine's WorkloadEntry yet; left out where nothing was reported. */
  awaitsEntry?: boolean;
  nextPoll: Date | null;
  /** Most that it is delayed. */
  jitterSeconds?: number;
}
