/** What a turn works with. src/turn/agent.ts is the real thing. */
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

/** Read every input again, look as at each poll, or take an answer of the last minute. */
export type Ask = 'anew' | 'poll' | 'recent';

/** What a turn needs of the machine and of the control plane. */
export interface TurnDependencies {
  /** Must read everything afresh. */
  observe(): Promise<Observation>;
  /** The part of it that is about the agent's own versions, and needs nothing of Istio. */
  observeAgent(): Promise<AgentObservation>;
  /** Never rejects for what the control plane says or does not say: that is an answer. Must not ask while an earlier question is open. */
  target(ask: Ask): Promise<Target>;
  wanted(target: Target, observation: Observation): Promise<Wanted>;
  /** Which version of the agent itself is wanted, as of the last `target`. */
  wantedAgent(): Promise<AgentWanted>;
  /** The revision that an Istio which is not adopted yet belongs to, by its own addresses, else by the target. */
  adoptedRevision(target: Target): Promise<string | null>;
  attempts(): Promise<ReadonlyMap<string, Attempt>>;
  /** Must be safe to repeat, and to be killed anywhere. */
  take(step: Step, tell: Tell, signal: AbortSignal): Promise<void>;
  /** Notes a failed step, so that it is not repeated at every turn. */
  failed(step: Step, error: AgentError): Promise<void>;
  /**
   * For a version on probation, after its first turn: says the status on this machine, and confirms the version when nothing is lacking.
   * Returns what was done, in sentences; null when it is not confirmed: then what is lacking has been noted for the guard.
   */
  concludeProbation(status: Status): Promise<string[] | null>;
  /** Says the status to the control plane and to this machine. */
  report(status: Status): Promise<Reported>;
  /** Files by which the scripts in systemd/ know the operator's rules. */
  writeRules(config: Config, target: Target, observation: Observation): Promise<void>;
}

/** What came of a report. */
export interface Reported {
  /** What an operator should know about it, in sentences. */
  warnings: string[];
  /** istiod has not made this machine's WorkloadEntry yet. */
  awaitsEntry: boolean;
}

export interface TurnOptions {
  config: Config;
  clock: Clock;
  ask: Ask;
  nextPoll: Date | null;
  /** An operator has typed a command for this turn: what failed before is tried again in it, whatever its wait. */
  isTyped?: boolean;
  tell: Tell;
  /** Called before any step, so that the journal shows the reason first. */
  onTarget?: (target: Status['target']) => void;
  signal: AbortSignal;
}
