/** The plan of a round: observation, target and decision. */
import type { Config } from '../config/schema.ts';
import type { Target } from '../control-plane/target/target.ts';
import { decide } from '../decision/decide.ts';
import type { Decision } from '../decision/step.ts';
import type { Wanted } from '../decision/wanted.ts';
import type { AgentWanted } from '../decision/wanted-agent.ts';
import { firstRelease } from '../observation/first-release.ts';
import type { Observation } from '../observation/observation.ts';
import type { TurnDependencies } from './dependencies.ts';

export interface Plan {
  observation: Observation;
  target: Target;
  wanted: Wanted;
  agentWanted: AgentWanted;
  decision: Decision;
}

/** The plan of the next turn. Takes no step. */
export async function dryRun(dependencies: TurnDependencies, config: Config): Promise<Plan> {
  const observation = await dependencies.observe();
  const target = await dependencies.target('fresh');
  return plan(dependencies, observation, target, config, null);
}

/** Tries that failed before `triesFrom` do not delay a step; if it is null, each failed try delays its step. */
export async function plan(
  dependencies: TurnDependencies,
  observation: Observation,
  target: Target,
  config: Config,
  triesFrom: Date | null,
): Promise<Plan> {
  const wanted = await dependencies.wanted(target, observation);
  const adoptedRevision = firstRelease(observation) === 'made' ? null : await dependencies.adoptedRevision(target);
  const all = await dependencies.attempts();
  const attempts =
    triesFrom === null ? all : new Map([...all].filter(([, { at }]) => at !== undefined && at >= triesFrom));
  const agentWanted = await dependencies.wantedAgent();
  const decision = decide({ observation, wanted, agentWanted, config, attempts, adoptedRevision });
  return { observation, target, wanted, agentWanted, decision };
}
