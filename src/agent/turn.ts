/** One turn of the loop, from observation to report. */
import type { Config } from '../config.ts';
import type { Target } from '../control-plane/target.ts';
import { AgentError, describeError } from '../errors.ts';
import { isOwnFileAtFault } from '../istio/vm-config/problem.ts';
import type { Attempt } from './attempts.ts';
import { decide } from './decide.ts';
import type { Decision, Step } from './decision.ts';
import type { Tell } from './events.ts';
import { isOnProbation, isUntried, type Observation } from './observation.ts';
import { describeStatus, type Failure, type Status, targetSummary } from './status.ts';
import type { Wanted } from './wanted.ts';
import type { AgentWanted } from './wanted-agent.ts';

/** What a turn needs of the machine and of the control plane. src/agent/agent.ts is the real one. */
export interface World {
  /** Must read everything afresh. */
  observe(): Promise<Observation>;
  /** Never rejects for what the control plane says or does not say: that is an answer. */
  target(ask: Ask): Promise<Target>;
  wanted(target: Target, observation: Observation): Promise<Wanted>;
  /** Which version of the agent itself is wanted, as of the last `target`. */
  wantedAgent(): Promise<AgentWanted>;
  /** The revision that an Istio which is not adopted yet belongs to, by its own addresses, else by the target. */
  adoptedRevision(target: Target): Promise<string | null>;
  attempts(): Promise<ReadonlyMap<string, Attempt>>;
  /** Must be safe to repeat, and to be killed anywhere. What ends this process, the agent's own upgrade, tells itself that it is done. */
  take(step: Step, tell: Tell, signal: AbortSignal): Promise<void>;
  /** Notes a failed step, so that it is not repeated at every turn. */
  failed(step: Step, error: AgentError): Promise<void>;
  /**
   * For a version on probation, after its first turn: says the status on this machine, and confirms the version when nothing is lacking.
   * Returns whether it is confirmed; else what is lacking has been noted for the guard.
   */
  concludeProbation(status: Status): Promise<boolean>;
  /** Says the status to the control plane and to this machine; returns warnings. */
  report(status: Status): Promise<string[]>;
  /** Files by which the scripts in systemd/ know the operator's rules. */
  writeRules(config: Config, target: Target, observation: Observation): Promise<void>;
}

/** Read every input anew, look as at each poll, or take an answer of the last minute. */
export type Ask = 'anew' | 'poll' | 'recent';

export interface TurnOptions {
  config: Config;
  ask: Ask;
  nextPoll: Date | null;
  tell: Tell;
  /** Told before anything is done about it: a reader of the journal finds the reason above the deed. */
  onTarget?: (target: Status['target']) => void;
  signal: AbortSignal;
}

/** Rounds of observe, decide and act in one turn: adopt, drop-in, stage, and one to see that nothing is left. */
const MOST_ROUNDS = 6;

export async function turn(world: World, options: TurnOptions): Promise<Status> {
  const { config, tell, signal } = options;
  let observation = await world.observe();
  tell({ kind: 'learnt', text: describeObservation(observation) });
  const target = await world.target(options.ask);
  // A question that was cut off is no answer of the control plane: the last status stays as it is.
  signal.throwIfAborted();
  tell({ kind: 'learnt', text: describeTarget(target), isProblem: target.answer !== 'wanted' });
  options.onTarget?.(targetSummary(target));
  await world.writeRules(config, target, observation);
  let view = await plan(world, observation, target, config);
  const describe = (failures: Failure[], warnings: string[]) =>
    describeStatus({
      pid: process.pid,
      workloadGroup: config.workloadGroup,
      nextPoll: options.nextPoll,
      observation,
      target,
      ...view,
      failures,
      warnings,
    });
  if (isOnProbation(observation)) {
    const status = describe([], []);
    const isConfirmed = await world.concludeProbation(status);
    // Nothing is said to the control plane, which has not answered yet.
    if (!isConfirmed && isUntried(observation)) return status;
    if (isConfirmed) tell({ kind: 'done', step: 'confirm-agent', text: describeConfirmed(observation) });
    observation = await world.observe();
    view = await plan(world, observation, target, config);
  }
  const failures: Failure[] = [];
  for (let round = 1, goesOn = true; goesOn && view.decision.steps.length > 0 && round < MOST_ROUNDS; round++) {
    goesOn = await takeAll(world, view.decision.steps, failures, tell, signal);
    observation = await world.observe();
    view = await plan(world, observation, target, config);
  }
  for (const { step, reason } of view.decision.notDone) tell({ kind: 'not-done', step, text: reason });
  return describe(failures, await world.report(describe(failures, [])));
}

export interface Plan {
  observation: Observation;
  target: Target;
  wanted: Wanted;
  agentWanted: AgentWanted;
  decision: Decision;
}

/** What would be done, and why, without doing it. */
export async function dryRun(world: World, config: Config): Promise<Plan> {
  const observation = await world.observe();
  const target = await world.target('anew');
  return { observation, target, ...(await plan(world, observation, target, config)) };
}

async function plan(world: World, observation: Observation, target: Target, config: Config) {
  const wanted = await world.wanted(target, observation);
  const adoptedRevision = observation.active === null ? await world.adoptedRevision(target) : null;
  const attempts = await world.attempts();
  const agentWanted = await world.wantedAgent();
  const decision = decide({ observation, wanted, agentWanted, config, attempts, adoptedRevision });
  return { wanted, agentWanted, decision };
}

/**
 * Takes the steps in order, and stops at the first that fails; but for the agent's own upgrade: a security patch of Istio does not wait
 * for it. Once that has succeeded, everything else is the next version's. Returns whether another round may follow.
 */
async function takeAll(
  world: World,
  steps: Step[],
  failures: Failure[],
  tell: Tell,
  signal: AbortSignal,
): Promise<boolean> {
  for (const step of steps) {
    signal.throwIfAborted();
    tell({ kind: 'begun', step: step.do, text: step.why });
    const failure = await take(world, step, tell, signal);
    if (failure !== null) failures.push(failure);
    const isUpgrade = step.do === 'upgrade-agent';
    if (failure === null ? isUpgrade : !isUpgrade) return false;
  }
  return true;
}

async function take(world: World, step: Step, tell: Tell, signal: AbortSignal): Promise<Failure | null> {
  try {
    await world.take(step, tell, signal);
  } catch (error) {
    // A turn that is being ended is no failure of the step; its next start does it again.
    signal.throwIfAborted();
    const known = asAgentError(error, step);
    await world.failed(step, known);
    const text = describeError(known);
    tell({ kind: 'failed', step: step.do, text, remedy: known.remedy });
    const blocked = isOwnFileAtFault(known);
    return { step: step.do, sentence: blocked ? `${text} (${known.remedy})` : text, blocked };
  }
  if (step.do !== 'upgrade-agent') tell({ kind: 'done', step: step.do, text: describeDone(step) });
  return null;
}

function asAgentError(error: unknown, step: Step): AgentError {
  if (error instanceof AgentError) return error;
  return new AgentError('SMM507', `cannot ${step.do}`, 'the cause says why; it is tried again', { cause: error });
}

function describeObservation({ unit, running, active }: Observation): string {
  const runs = running.answer === 'release' ? `release ${running.id} runs` : `no release runs`;
  return `istio.service is ${unit.exists ? unit.activeState : 'not installed'}, ${runs}, active is ${active?.manifest.id ?? 'nothing'}`;
}

function describeTarget(target: Target): string {
  if (target.answer !== 'wanted') return `${target.answer}: ${target.reason}`;
  return `wanted is Istio ${target.istioVersion} of revision ${target.revision.name}`;
}

function describeConfirmed({ agent: { running, probation } }: Observation): string {
  return `smm-agent ${running} is confirmed, in place of ${probation?.from}`;
}

function describeDone(step: Exclude<Step, { do: 'upgrade-agent' }>): string {
  switch (step.do) {
    case 'withdraw':
      return `nothing is staged any more: ${step.why}`;
    case 'adopt':
      return `adopted the Istio that runs here, of revision ${step.revision}; it was not touched`;
    case 'install-drop-in':
      return 'istio.service starts from the active release from now on';
    case 'keep-unit-file':
      return 'kept the unit file of istio.service, whose package was removed; Istio was not touched';
    case 'give-unit-file-back':
      return 'istio.service is that of its package again';
    case 'stage':
      return `staged Istio ${step.wanted.istioVersion} of revision ${step.wanted.revision.name}; the running one was not touched`;
    case 'point-staged':
      return `staged release ${step.id}, which was on disk`;
    case 'confirm':
      return `confirmed release ${step.id}`;
    case 'start':
      return 'started istio.service';
    case 'clean':
    case 'clean-versions':
      return `removed ${step.remove.join(', ')}`;
  }
}
