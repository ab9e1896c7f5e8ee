/** What decide is asked and answers: steps with the reason for each, and the reason for each step that is not taken. */
import type { Config } from '../config/schema.ts';
import type { ReleaseId } from '../istio/release.ts';
import type { Observation } from '../observation/observation.ts';
import type { Attempt } from './attempts.ts';
import type { Wanted } from './wanted.ts';
import type { AgentWanted } from './wanted-agent.ts';

export type Step = {
  why: string;
} /** `repository` is null where nobody names one: then the version has to be on disk. */ & (
  | { do: 'upgrade-agent'; version: string; from: string; repository: string | null; key: string }
  /** The last of a turn: it ends this process. */
  | { do: 'restart-agent'; version: string }
  | { do: 'clean-versions'; remove: string[] }
  | { do: 'withdraw' }
  | { do: 'adopt'; revision: string }
  | { do: 'install-drop-in' }
  | { do: 'keep-unit-file' }
  | { do: 'give-unit-file-back' }
  /** `repository`: base URL of the signed one, null where nobody names one. */
  | { do: 'stage'; wanted: Extract<Wanted, { answer: 'release' }>; repository: string | null; key: string }
  | { do: 'point-staged'; id: ReleaseId }
  | { do: 'confirm'; id: ReleaseId }
  | { do: 'start' }
  | { do: 'restore-hosts'; line: string }
  /** `keep` is what is needed, with the one to go back to. */
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
  /** What an operator, a unit file or a refused release says stands against it. */
  | 'refused';

/** A reason in words. */
export interface Reason {
  reason: string;
  /** The part of `reason` that stays the same while nothing changes, without times and counts; left out where that is all of it. */
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

/** What is decided by about the agent's own version: nothing of Istio, which can be what keeps all the rest from being decided. */
export interface OwnDecisionInput {
  observation: Pick<Observation, 'at' | 'agent'>;
  agentWanted: AgentWanted;
  /** The last failed try for each key of `stageKey`, with the time before which it is not tried again. */
  attempts: ReadonlyMap<string, Attempt>;
}

export interface DecisionInput extends OwnDecisionInput {
  observation: Observation;
  wanted: Wanted;
  config: Config;
  /** Revision that an Istio which is not adopted yet belongs to; null while that cannot be told. */
  adoptedRevision: string | null;
}

/** A step to take, one that is not taken, or nothing to say about it. */
export type Verdict = Step | NotDone | null;
