/** One timer of a unit. */

/** The longest delay of Node's timers. Also used for `infinity`. */
const LONGEST_MS = 2 ** 31 - 1;

/** Calls `act` once after `ms`. Returns a function that cancels it. */
export function after(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, Math.min(ms, LONGEST_MS));
  return () => clearTimeout(timer);
}
