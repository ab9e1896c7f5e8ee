/** Takes steps, and reports the result of each. */
import { AgentError, describeError } from '../base/errors.ts';
import type { Step } from '../decision/step.ts';
import { isOwnFileAtFault } from '../istio/configuration/problem.ts';
import type { Failure } from '../status/status.ts';
import { describeDone } from '../status/views/sentences.ts';
import type { TurnDependencies } from './dependencies.ts';
import type { Tell } from './events.ts';

/**
 * Takes one step. Resolves with null when the step is done, otherwise with its failure, which was reported and noted.
 */
export async function take(
  dependencies: TurnDependencies,
  step: Step,
  tell: Tell,
  signal: AbortSignal,
): Promise<Failure | null> {
  try {
    await dependencies.take(step, tell, signal);
  } catch (error) {
    // If the turn is cut off, the step has not failed: the next start of the agent repeats it.
    signal.throwIfAborted();
    const known = asAgentError(error, step);
    await dependencies.failed(step, known);
    const text = describeError(known);
    tell({ kind: 'failed', step: step.do, text, remedy: known.remedy });
    const blocked = isOwnFileAtFault(known);
    return { step: step.do, sentence: blocked ? `${text} (${known.remedy})` : text, blocked };
  }
  tell({ kind: 'done', step: step.do, text: describeDone(step) });
  return null;
}

/**
 * Takes the steps in order, and stops at the first failure. A failure of the agent's own upgrade does not stop the
 * others: a security patch of Istio must not wait for it. After a successful upgrade the next version takes the
 * remaining steps. Returns whether another round may follow.
 */
export async function takeAll(
  dependencies: TurnDependencies,
  steps: readonly Step[],
  failures: Failure[],
  tell: Tell,
  signal: AbortSignal,
): Promise<boolean> {
  for (const step of steps) {
    signal.throwIfAborted();
    tell({ kind: 'begun', step: step.do, text: step.why });
    const failure = await take(dependencies, step, tell, signal);
    if (failure !== null) failures.push(failure);
    const isUpgrade = step.do === 'upgrade-agent';
    if (failure === null ? isUpgrade : !isUpgrade) return false;
  }
  return true;
}

function asAgentError(error: unknown, step: Step): AgentError {
  if (error instanceof AgentError) return error;
  return new AgentError('SMM507', `cannot ${step.do}`, 'correct the cause; the agent tries again', { cause: error });
}
