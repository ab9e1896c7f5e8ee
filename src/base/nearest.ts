/** "Did you mean ...?": the known word that a wrong one is closest to. */

/**
 * The closest candidate, at most two fifths of the word's length away (at least 2 edits); null when none is that close.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const limit = Math.max(2, Math.ceil(word.length * 0.4));
  let best: { candidate: string; distance: number } | null = null;
  for (const candidate of candidates) {
    const distance = editDistance(simplified(word), simplified(candidate));
    if (distance <= limit && distance < candidate.length && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate ?? null;
}

/** node-ip, node_ip and nodeIp are the same slip of memory. */
function simplified(word: string): string {
  return word.toLowerCase().replace(/[-_.]/g, '');
}

/** Levenshtein: the least number of characters inserted, removed or replaced. */
export function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, character] of [...from].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...to].entries()) {
      const replaced = (row[j] ?? 0) + (character === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? row.length - 1;
}
