/** One turn of the loop, from observation to report. */

import type { Target } from '../control-plane/target/target.ts';
import type { Step } from '../decision/step.ts';
import { isOnProbation, isUntried } from '../observation/observation.ts';
import { describeStatus, targetSummary } from '../status/describe.ts';
import type { Failure, Status } from '../status/status.ts';
import { describeObservation, describeTarget } from '../status/views/sentences.ts';
import type { TurnDependencies, TurnOptions } from './dependencies.ts';
import { onlyOwnUpgrade } from './own-upgrade.ts';
import { type Plan, plan } from './plan.ts';
import { take, takeAll } from './take.ts';

/** Rounds of observe, decide and act in one turn: adopt, drop-in, stage, and one to see that nothing is left. */
const MOST_ROUNDS = 6;
/**
 * A dozen requests, one after the other, can take a slow control plane minutes; a version on probation has 50 seconds, and one answer of
 * any kind is all that it needs.
 */
const FIRST_ANSWER_MS = 20_000;
const LATE: Target = {
  answer: 'unreachable',
  reason: `still waiting for the control plane (no complete answer after ${FIRST_ANSWER_MS / 1000} s)`,
};

interface Turn {
  dependencies: TurnDependencies;
  options: TurnOptions;
  /** The control plane is asked once in a turn. */
  asked: () => Promise<Target>;
  /** Tries that failed before that time are no reason to wait; null: each waits for its time. */
  triesFrom: Date | null;
}

/** Rejects when the turn cannot be completed; what is wanted of the agent's own version has been done then all the same. */
export async function turn(dependencies: TurnDependencies, options: TurnOptions): Promise<Status> {
  let question: Promise<Target> | null = null;
  const asked = () => {
    question ??= dependencies.target(options.ask);
    return question;
  };
  try {
    return await wholeTurn({ dependencies, options, asked, triesFrom: options.isTyped ? options.clock.now() : null });
  } catch (error) {
    options.signal.throwIfAborted();
    await onlyOwnUpgrade(dependencies, options, asked, error);
    throw error;
  }
}

async function wholeTurn(turn: Turn): Promise<Status> {
  let view = await look(turn);
  if (isOnProbation(view.observation)) {
    const passed = await passProbation(turn, view);
    if ('status' in passed) return passed.status;
    view = passed.view;
  }
  // Not before: it can take questions of its own.
  await turn.dependencies.writeRules(turn.options.config, view.target, view.observation);
  const failures: Failure[] = [];
  view = await takeRounds(turn, view, failures);
  const status = await report(turn, view, failures);
  const restart = restartIn(view.decision.steps);
  return restart === undefined ? status : restartLast(turn, view, failures, { restart, status });
}

/** What is true here, what is wanted, and what follows. */
async function look(turn: Turn): Promise<Plan> {
  const { dependencies, options, asked } = turn;
  const observation = await dependencies.observe();
  options.tell({ kind: 'learnt', text: describeObservation(observation) });
  const answer = asked();
  const target = await (isUntried(observation) ? unlessLate(answer, options) : answer);
  learn(target, options);
  return plan(dependencies, observation, target, options.config, turn.triesFrom);
}

/** A version on probation is judged first. Returns the status where the turn ends there, else what it goes on with. */
async function passProbation(turn: Turn, view: Plan): Promise<{ status: Status } | { view: Plan }> {
  const { dependencies, options, asked } = turn;
  const status = describe(turn, view, []);
  const done = await dependencies.concludeProbation(status);
  for (const text of done ?? []) options.tell({ kind: 'done', step: 'confirm-agent', text });
  // The control plane has not answered yet, and is told nothing.
  if (done === null && isUntried(view.observation)) return { status };
  const target = await asked();
  if (view.target === LATE) learn(target, options);
  const observation = await dependencies.observe();
  return { view: await plan(dependencies, observation, target, options.config, turn.triesFrom) };
}

/** Takes what is decided, looks again, and decides again, until nothing is left to do. */
async function takeRounds(turn: Turn, first: Plan, failures: Failure[]): Promise<Plan> {
  const { dependencies, options } = turn;
  const { tell, signal, config } = options;
  let view = first;
  for (let round = 1, goesOn = true; goesOn && round < MOST_ROUNDS; round++) {
    const { steps } = view.decision;
    if (steps.length === 0 || restartIn(steps) !== undefined) break;
    goesOn = await takeAll(dependencies, steps, failures, tell, signal);
    view = await plan(dependencies, await dependencies.observe(), view.target, config, turn.triesFrom);
  }
  for (const { step, reason } of view.decision.notDone) tell({ kind: 'not-done', step, text: reason });
  return view;
}

/** Says the status everywhere; what came of that is part of the status which the turn ends with. */
async function report(turn: Turn, view: Plan, failures: readonly Failure[]): Promise<Status> {
  const { warnings, awaitsEntry } = await turn.dependencies.report(describe(turn, view, failures));
  return { ...describe(turn, view, failures, warnings), awaitsEntry };
}

/** The last act of a turn, once everything has been said: it ends this process. */
async function restartLast(
  turn: Turn,
  view: Plan,
  failures: readonly Failure[],
  { restart, status }: { restart: Step; status: Status },
): Promise<Status> {
  const { tell, signal } = turn.options;
  const failure = await take(turn.dependencies, restart, tell, signal);
  return failure === null ? status : report(turn, view, [...failures, failure]);
}

function describe(
  { options: { config, nextPoll } }: Turn,
  view: Plan,
  failures: readonly Failure[],
  warnings: string[] = [],
): Status {
  const { workloadGroup, poll } = config;
  const about = { pid: process.pid, workloadGroup, nextPoll, jitterSeconds: poll.jitterSeconds };
  return describeStatus({ ...about, ...view, failures, warnings });
}

/** Tells what the control plane has answered. */
function learn(target: Target, { tell, onTarget, signal }: TurnOptions): void {
  // A question that was cut off is no answer of the control plane: the last status stays as it is.
  signal.throwIfAborted();
  tell({ kind: 'learnt', text: describeTarget(target), isProblem: target.answer !== 'wanted' });
  onTarget?.(targetSummary(target));
}

/** LATE when there is no answer in time; `TurnDependencies.target` does not ask twice. */
async function unlessLate(answer: Promise<Target>, { clock, signal }: TurnOptions): Promise<Target> {
  const over = new AbortController();
  const late = clock.sleep(FIRST_ANSWER_MS, AbortSignal.any([signal, over.signal])).then(() => LATE);
  try {
    return await Promise.race([answer, late]);
  } finally {
    over.abort();
  }
}

/** With a restart of the agent planned, no other step is taken. */
function restartIn(steps: readonly Step[]): Step | undefined {
  return steps.find((step) => step.do === 'restart-agent');
}
