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

/**
 * The most rounds of observe, decide and act in one turn. Usually these are enough: adopt, drop-in, stage, and one to
 * see that nothing is left. The limit ends a turn whose steps never settle.
 */
const MOST_ROUNDS = 6;
/**
 * A slow control plane may need minutes for a dozen requests in a row. A version on probation has 50 seconds, and needs
 * only one response of any kind.
 */
const FIRST_ANSWER_MS = 20_000;
const LATE: Target = {
  answer: 'unreachable',
  reason: `still waiting for the control plane (no complete answer after ${FIRST_ANSWER_MS / 1000} s)`,
};

interface Turn {
  dependencies: TurnDependencies;
  options: TurnOptions;
  /** Asks the control plane at the first call; later calls in the turn get the same answer. */
  asked: () => Promise<Target>;
  /** Tries that failed before this time do not delay a step; null: each failed try delays its step. */
  triesFrom: Date | null;
}

/** Rejects if the turn cannot be completed; even then it has tried an upgrade of the agent that is wanted. */
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
  // Only after the probation: this may send requests to the control plane.
  await turn.dependencies.writeRules(turn.options.config, view.target, view.observation);
  const failures: Failure[] = [];
  view = await takeRounds(turn, view, failures);
  const status = await report(turn, view, failures);
  const restart = restartIn(view.decision.steps);
  return restart === undefined ? status : restartLast(turn, view, failures, { restart, status });
}

/** Observes the machine, asks for the target, and decides. */
async function look(turn: Turn): Promise<Plan> {
  const { dependencies, options, asked } = turn;
  const observation = await dependencies.observe();
  options.tell({ kind: 'learnt', text: describeObservation(observation) });
  const answer = asked();
  const target = await (isUntried(observation) ? unlessLate(answer, options) : answer);
  learn(target, options);
  return plan(dependencies, observation, target, options.config, turn.triesFrom);
}

/**
 * Tries to confirm a version on probation. Returns a status if the turn ends here, otherwise the plan to go on with.
 */
async function passProbation(turn: Turn, view: Plan): Promise<{ status: Status } | { view: Plan }> {
  const { dependencies, options, asked } = turn;
  const status = describe(turn, view, []);
  const done = await dependencies.concludeProbation(status);
  for (const text of done ?? []) options.tell({ kind: 'done', step: 'confirm-agent', text });
  // The control plane has not answered yet, so nothing is reported to it either.
  if (done === null && isUntried(view.observation)) return { status };
  const target = await asked();
  if (view.target === LATE) learn(target, options);
  const observation = await dependencies.observe();
  return { view: await plan(dependencies, observation, target, options.config, turn.triesFrom) };
}

/** Takes the decided steps, observes and decides again, until nothing is left to do. */
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

/** Reports the status. The status that the turn returns includes the warnings of that report. */
async function report(turn: Turn, view: Plan, failures: readonly Failure[]): Promise<Status> {
  const { warnings, awaitsEntry } = await turn.dependencies.report(describe(turn, view, failures));
  return { ...describe(turn, view, failures, warnings), awaitsEntry };
}

/** The restart of the agent is the last step of a turn, after the report, because it ends this process. */
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

/** Sends the events about the control plane's answer. */
function learn(target: Target, { tell, onTarget, signal }: TurnOptions): void {
  // A request that was cut off has no answer: the last status stays as it is.
  signal.throwIfAborted();
  tell({ kind: 'learnt', text: describeTarget(target), isProblem: target.answer !== 'wanted' });
  onTarget?.(targetSummary(target));
}

/**
 * LATE if there is no answer in time. The request goes on, and `TurnDependencies.target` does not send a second one.
 */
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
