/** What a turn works with. src/turn/agent.ts implements it. */
import type { AgentError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Target } from '../control-plane/target/target.ts';
import type { Attempt } from '../decision/attempts.ts';
import type { Step } from '../decision/step.ts';
import type { Wanted } from '../decision/wanted.ts';
import type { AgentWanted } from '../decision/wanted-agent.ts';
import type { Clock } from '../host/clock.ts';
import type { AgentObservation, Observation } from '../observation/observation.ts';
import type { Status } from '../status/status.ts';
import type { Tell } from './events.ts';

/** `fresh`: read every input again. `poll`: read as at each poll. `recent`: take an answer of the last minute. */
export type Ask = 'fresh' | 'poll' | 'recent';

/** What a turn needs of the machine and of the control plane. */
export interface TurnDependencies {
  /** Must read everything again, and use no memory of earlier turns. */
  observe(): Promise<Observation>;
  /** The part of the observation about the agent's own versions. Must not need anything of Istio. */
  observeAgent(): Promise<AgentObservation>;
  /**
   * Must not reject for any response of the control plane, or for none. Must not ask while an earlier request is under
   * way.
   */
  target(ask: Ask): Promise<Target>;
  wanted(target: Target, observation: Observation): Promise<Wanted>;
  /** The wanted version of the agent, as of the last `target`. */
  wantedAgent(): Promise<AgentWanted>;
  /** The revision of an Istio that is not adopted yet: from its own addresses, or else from the target. */
  adoptedRevision(target: Target): Promise<string | null>;
  attempts(): Promise<ReadonlyMap<string, Attempt>>;
  /** Must be safe to repeat, and to be killed anywhere. */
  take(step: Step, tell: Tell, signal: AbortSignal): Promise<void>;
  /** Notes a failed step, so that it is not repeated at every turn. */
  failed(step: Step, error: AgentError): Promise<void>;
  /**
   * For a version on probation, after its first turn: writes the status on this machine, and confirms the version if
   * all conditions are met. Returns sentences about what was done, or null if the version is not confirmed: then the
   * missing condition is noted for the scripts.
   */
  concludeProbation(status: Status): Promise<string[] | null>;
  /** Writes the status to the control plane and to this machine. */
  report(status: Status): Promise<Reported>;
  /** Writes the files from which the scripts in systemd/ read the operator's rules. */
  writeRules(config: Config, target: Target, observation: Observation): Promise<void>;
}

/** The result of a report. */
export interface Reported {
  /** Sentences for an operator. */
  warnings: string[];
  /** istiod has not made this machine's WorkloadEntry yet. */
  awaitsEntry: boolean;
}

export interface TurnOptions {
  config: Config;
  clock: Clock;
  ask: Ask;
  nextPoll: Date | null;
  /** An operator has typed a command for this turn: failed steps are tried again at once, without their wait. */
  isTyped?: boolean;
  tell: Tell;
  /** Called before any step, so that the journal shows the reason first. */
  onTarget?: (target: Status['target']) => void;
  signal: AbortSignal;
}
