/** Takes steps, and tells what became of each. */
import { AgentError, describeError } from '../base/errors.ts';
import type { Step } from '../decision/step.ts';
import { isOwnFileAtFault } from '../istio/configuration/problem.ts';
import type { Failure } from '../status/status.ts';
import { describeDone } from '../status/views/sentences.ts';
import type { TurnDependencies } from './dependencies.ts';
import type { Tell } from './events.ts';

/** Takes one step. Resolves with its failure, which has been told and noted; null when the step is done. */
export async function take(
  dependencies: TurnDependencies,
  step: Step,
  tell: Tell,
  signal: AbortSignal,
): Promise<Failure | null> {
  try {
    await dependencies.take(step, tell, signal);
  } catch (error) {
    // A turn that is being ended is no failure of the step; its next start does it again.
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
 * Takes the steps in order, and stops at the first that fails; but for the agent's own upgrade: a security patch of Istio does not wait
 * for it. Once that has succeeded, everything else is left to the next version. Returns whether another round may follow.
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
  return new AgentError('SMM507', `cannot ${step.do}`, 'the cause says why; it is tried again', { cause: error });
}
