/** Commands that cannot do without something to work for. Pure. */
import { AgentError } from '../base/errors.ts';
import type { Status } from '../status/status.ts';

/**
 * Those under which what is wanted is not known, or cannot be. An upgrade of the control plane that is under way is
 * none of them.
 */
const NONE: ReadonlySet<Status['target']['answer']> = new Set(['forbidden', 'unreachable', 'missing', 'ambiguous']);

/** Throws SMM217 when the control plane gave no target. */
export function requireTarget(target: { answer: Status['target']['answer']; reason?: string | null } | null): void {
  if (target === null || !NONE.has(target.answer)) return;
  const remedy = 'correct the cause; the agent asks again at each poll, and Istio runs on meanwhile';
  throw new AgentError('SMM217', `the control plane gave no target: ${target.reason}`, remedy);
}
