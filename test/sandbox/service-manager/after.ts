/** One timer of a unit. */

/** The longest that Node's timers take; `infinity` ends up here. */
const LONGEST_MS = 2 ** 31 - 1;

/** Calls `act` once after `ms`; returns what calls it off. */
export function after(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, Math.min(ms, LONGEST_MS));
  return () => clearTimeout(timer);
}
