/** Input and output of decide: the steps to take and the steps not taken, each with its reason. */
import type { Config } from '../config/schema.ts';
import type { ReleaseId } from '../istio/release.ts';
import type { Observation } from '../observation/observation.ts';
import type { Attempt } from './attempts.ts';
import type { Wanted } from './wanted.ts';
import type { AgentWanted } from './wanted-agent.ts';

export type Step = {
  why: string;
} /** `repository` is null if none is configured: then the version has to be on disk. */ & (
  | { do: 'upgrade-agent'; version: string; from: string; repository: string | null; key: string }
  /** The last step of a turn: it ends this process. */
  | { do: 'restart-agent'; version: string }
  | { do: 'clean-versions'; remove: string[] }
  | { do: 'withdraw' }
  | { do: 'adopt'; revision: string }
  | { do: 'install-drop-in' }
  | { do: 'keep-unit-file' }
  | { do: 'give-unit-file-back' }
  /** `repository`: base URL of the signed repository, null if none is configured. */
  | { do: 'stage'; wanted: Extract<Wanted, { answer: 'release' }>; repository: string | null; key: string }
  | { do: 'point-staged'; id: ReleaseId }
  | { do: 'confirm'; id: ReleaseId }
  | { do: 'start' }
  | { do: 'restore-hosts'; line: string }
  /** `keep`: the releases that stay. */
  | { do: 'clean'; remove: ReleaseId[]; keep: ReleaseId[] }
);

export type StepName = Step['do'];

/** Why a step is not taken, for programs. */
export type Because =
  /** `hold: true` on this machine. */
  | 'held'
  /** The step was tried and failed; it waits for its next try. */
  | 'failed'
  /** Something has to happen first, on this machine or in the cluster. */
  | 'waiting'
  /** A setting of an operator, a unit file or a rejection forbids the step. */
  | 'refused';

/** A reason in words. */
export interface Reason {
  reason: string;
  /**
   * `reason` without times and counts, so that it stays the same while nothing changes; left out if `reason` has none.
   */
  fact?: string;
}

/** A step that was considered and not taken. */
export interface NotDone extends Reason {
  step: StepName;
  because: Because;
}

export interface Decision {
  steps: Step[];
  notDone: NotDone[];
  /** The release on disk that is the wanted one, null when there is none yet. */
  wantedId: ReleaseId | null;
}

/**
 * The input for the agent's own version. It needs nothing of Istio: an error about Istio must not block an upgrade of
 * the agent.
 */
export interface OwnDecisionInput {
  observation: Pick<Observation, 'at' | 'agent'>;
  agentWanted: AgentWanted;
  /** The last failed try for each key, with the time of the next try. */
  attempts: ReadonlyMap<string, Attempt>;
}

export interface DecisionInput extends OwnDecisionInput {
  observation: Observation;
  wanted: Wanted;
  config: Config;
  /** The revision of an Istio that is not adopted yet; null while it is unknown. */
  adoptedRevision: string | null;
}

/** A step to take, a step that is not taken, or null if there is nothing to do. */
export type Verdict = Step | NotDone | null;
