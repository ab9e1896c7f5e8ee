/** What the lab tells the person who waits for it: on stderr, since stdout belongs to the tests' reporter. */

export function say(sentence: string): void {
  process.stderr.write(`lab: ${sentence}\n`);
}

/** Says what begins, and afterwards how long it took. */
export async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  say(`${what} ...`);
  const begin = performance.now();
  const result = await work();
  say(`${what}: done in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  return result;
}
