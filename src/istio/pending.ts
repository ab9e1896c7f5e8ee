/**
 * Restart pending: compares what runs with what the next start brings, at each look again. Nothing is remembered. Pure.
 */
import type { ReleaseId } from './release.ts';
import type { Running } from './running.ts';

/** Whether istio.service runs what its next start would bring. "unknown" is an answer: never guess. */
export type RestartPending =
  /** `running` is null when nothing of ours has ever run here. */
  | { answer: 'yes'; running: ReleaseId | null; staged: ReleaseId; since: Date; why: string[] }
  | { answer: 'no'; running: ReleaseId | null }
  | { answer: 'unknown'; reason: string };

export interface PendingFacts {
  running: Running;
  /**
   * What keeps a release from its effect on this machine, null
   * when nothing does. Then the next start may bring anything.
   */
  blocked: string | null;
  /** The unit starts and stops as our drop-in says. */
  isOurs: boolean;
  /** The release that the next start brings: the staged one, else the active one; null before the first release. */
  next: { id: ReleaseId; since: Date; problems: readonly string[] } | null;
  /** What differs between two releases, in words. */
  why: (running: ReleaseId, next: ReleaseId) => string[];
}

export function restartPending({ running, isOurs, blocked, next, why }: PendingFacts): RestartPending {
  if (running.answer === 'unknown') return running;
  if (blocked !== null) return unknown(`cannot tell what the next start of Istio brings: ${blocked}`);
  if (next === null) {
    const nothing = running.answer === 'nothing';
    return nothing ? { answer: 'no', running: null } : unknown('Istio on this machine is not adopted yet');
  }
  if (running.answer === 'package') {
    const why = "Istio was started from its package's own files, and not from the release that is active";
    // Without the drop-in the next start uses the package's files
    // again, and istio-activate never switches to a damaged release.
    if (!isOurs || next.problems.length > 0) return unknown(why);
    return { answer: 'yes', running: null, staged: next.id, since: next.since, why: [why] };
  }
  // If nothing runs, compare with what ran last: a stopped Istio that would start as another release is pending too.
  const before = running.answer === 'release' ? running.id : running.lastRan;
  if (before === next.id) return { answer: 'no', running: before };
  // istio-activate would not switch to it.
  if (next.problems.length > 0) return unknown(`release ${next.id} is staged and damaged: ${next.problems.join('; ')}`);
  const words = before === null ? [] : why(before, next.id);
  return {
    answer: 'yes',
    running: before,
    staged: next.id,
    since: next.since,
    why: words.length > 0 ? words : [`release ${before ?? 'none'} to ${next.id}`],
  };
}

function unknown(reason: string): RestartPending {
  return { answer: 'unknown', reason };
}
