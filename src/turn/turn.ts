/** One turn of the loop, from observation to report. */

import { AgentError, describeError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Target } from '../control-plane/target/target.ts';
import type { Attempt } from '../decision/attempts.ts';
import { decide } from '../decision/decide.ts';
import { decideOwn } from '../decision/own-version.ts';
import type { Decision, Step } from '../decision/step.ts';
import type { Wanted } from '../decision/wanted.ts';
import type { AgentWanted } from '../decision/wanted-agent.ts';
import type { Clock } from '../host/clock.ts';
import { isOwnFileAtFault } from '../istio/configuration/problem.ts';
import { type AgentObservation, isOnProbation, isUntried, type Observation } from '../observation/observation.ts';
import { describeStatus, targetSummary } from '../status/describe.ts';
import type { Failure, Status } from '../status/status.ts';
import { describeDone, describeObservation, describeTarget } from '../status/views/sentences.ts';
import type { Tell } from './events.ts';

/** What a turn needs of the machine and of the control plane. src/turn/agent.ts is the real one. */
export interface World {
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
  /** Says the status to the control plane and to this machine; returns warnings. */
  report(status: Status): Promise<string[]>;
  /** Files by which the scripts in systemd/ know the operator's rules. */
  writeRules(config: Config, target: Target, observation: Observation): Promise<void>;
}

/** Read every input anew, look as at each poll, or take an answer of the last minute. */
export type Ask = 'anew' | 'poll' | 'recent';

export interface TurnOptions {
  config: Config;
  clock: Clock;
  ask: Ask;
  nextPoll: Date | null;
  /** Somebody has typed a command for this turn: what failed before is tried again in it, whatever its wait. */
  isTyped?: boolean;
  tell: Tell;
  /** Told before anything is done about it: a reader of the journal finds the reason above the deed. */
  onTarget?: (target: Status['target']) => void;
  signal: AbortSignal;
}

/** Rounds of observe, decide and act in one turn: adopt, drop-in, stage, and one to see that nothing is left. */
const MOST_ROUNDS = 6;
/**
 * A dozen requests, one after the other, can take a slow control plane minutes; a version on probation has 50 seconds, and one answer of
 * any kind is all that it needs.
 */
const FIRST_ANSWER_MS = 20_000;
const LATE: Target = {
  answer: 'unreachable',
  reason: `the control plane has not answered everything within ${FIRST_ANSWER_MS / 1000} s; the question goes on`,
};

/** Rejects when the turn cannot be completed; what is wanted of the agent's own version has been done then all the same. */
export async function turn(world: World, options: TurnOptions): Promise<Status> {
  let asked: Promise<Target> | null = null;
  const ask = () => {
    asked ??= world.target(options.ask);
    return asked;
  };
  try {
    return await wholeTurn(world, options, ask);
  } catch (error) {
    options.signal.throwIfAborted();
    await onlyOwnUpgrade(world, options, ask, error);
    throw error;
  }
}

/**
 * What keeps a turn from being completed may be this very version, in what it makes of the Istio that it finds: another one that is wanted
 * is the way out. `cause` is what is told; what fails here as well is told only where it is something else.
 */
async function onlyOwnUpgrade(
  world: World,
  { clock, tell, signal }: TurnOptions,
  ask: () => Promise<Target>,
  cause: unknown,
): Promise<void> {
  try {
    // For what is wanted of the agents, which comes with it.
    await ask();
    // The upgrade, and then the restart.
    for (let round = 0; round < 2; round++) {
      const agent = await world.observeAgent();
      // That a version on probation completes no turn is for the guard to judge.
      if (isOnProbation({ agent })) return;
      const [agentWanted, attempts] = [await world.wantedAgent(), await world.attempts()];
      const step = decideOwn({ observation: { agent, at: clock.now() }, agentWanted, attempts });
      if (step === null) return;
      // It may be the last that this process says.
      const text = `${step.why}; this one cannot complete its turn: ${describeError(cause)}`;
      tell({ kind: 'begun', step: step.do, text });
      if ((await take(world, step, tell, signal)) !== null) return;
    }
  } catch (error) {
    signal.throwIfAborted();
    const text = `cannot look for another version of the agent: ${describeError(error)}`;
    const remedy = 'it is tried again at the next poll';
    if (describeError(error) !== describeError(cause)) tell({ kind: 'failed', step: 'upgrade-agent', text, remedy });
  }
}

async function wholeTurn(world: World, options: TurnOptions, ask: () => Promise<Target>): Promise<Status> {
  const { config, tell, signal } = options;
  const triesFrom = options.isTyped ? options.clock.now() : null;
  let observation = await world.observe();
  tell({ kind: 'learnt', text: describeObservation(observation) });
  const learn = (target: Target) => {
    // A question that was cut off is no answer of the control plane: the last status stays as it is.
    signal.throwIfAborted();
    tell({ kind: 'learnt', text: describeTarget(target), isProblem: target.answer !== 'wanted' });
    options.onTarget?.(targetSummary(target));
    return target;
  };
  const asked = ask();
  let target = learn(await (isUntried(observation) ? unlessLate(asked, options) : asked));
  let view = await plan(world, observation, target, config, triesFrom);
  const describe = (failures: Failure[], warnings: string[]) =>
    describeStatus({
      pid: process.pid,
      workloadGroup: config.workloadGroup,
      nextPoll: options.nextPoll,
      jitterSeconds: config.poll.jitterSeconds,
      observation,
      target,
      ...view,
      failures,
      warnings,
    });
  if (isOnProbation(observation)) {
    const status = describe([], []);
    const done = await world.concludeProbation(status);
    for (const text of done ?? []) tell({ kind: 'done', step: 'confirm-agent', text });
    // Nothing is said to the control plane, which has not answered yet.
    if (done === null && isUntried(observation)) return status;
    if (target === LATE) target = learn(await asked);
    observation = await world.observe();
    view = await plan(world, observation, target, config, triesFrom);
  }
  // Not before: it can take questions of its own.
  await world.writeRules(config, target, observation);
  const failures: Failure[] = [];
  for (let round = 1, goesOn = true; goesOn && round < MOST_ROUNDS; round++) {
    const { steps } = view.decision;
    if (steps.length === 0 || restartIn(steps) !== undefined) break;
    goesOn = await takeAll(world, steps, failures, tell, signal);
    observation = await world.observe();
    view = await plan(world, observation, target, config, triesFrom);
  }
  for (const { step, reason } of view.decision.notDone) tell({ kind: 'not-done', step, text: reason });
  const report = async () => describe(failures, await world.report(describe(failures, [])));
  const status = await report();
  const restart = restartIn(view.decision.steps);
  if (restart === undefined) return status;
  // Once everything has been said: it ends this process.
  const failure = await take(world, restart, tell, signal);
  if (failure === null) return status;
  failures.push(failure);
  return report();
}

/** LATE when there is no answer in time; nobody has to wait for it then, and `World.target` does not ask twice. */
async function unlessLate(asked: Promise<Target>, { clock, signal }: TurnOptions): Promise<Target> {
  const over = new AbortController();
  const late = clock.sleep(FIRST_ANSWER_MS, AbortSignal.any([signal, over.signal])).then(() => LATE);
  try {
    return await Promise.race([asked, late]);
  } finally {
    over.abort();
  }
}

/** It makes everything else the next version's business. */
function restartIn(steps: readonly Step[]): Step | undefined {
  return steps.find((step) => step.do === 'restart-agent');
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
  return { observation, target, ...(await plan(world, observation, target, config, null)) };
}

/** `triesFrom`: tries that failed earlier keep from nothing; null: each waits for its time. */
async function plan(world: World, observation: Observation, target: Target, config: Config, triesFrom: Date | null) {
  const wanted = await world.wanted(target, observation);
  const adoptedRevision = observation.active === null ? await world.adoptedRevision(target) : null;
  const all = await world.attempts();
  const attempts =
    triesFrom === null ? all : new Map([...all].filter(([, { at }]) => at !== undefined && at >= triesFrom));
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
  tell({ kind: 'done', step: step.do, text: describeDone(step) });
  return null;
}

function asAgentError(error: unknown, step: Step): AgentError {
  if (error instanceof AgentError) return error;
  return new AgentError('SMM507', `cannot ${step.do}`, 'the cause says why; it is tried again', { cause: error });
}
