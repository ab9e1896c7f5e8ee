/** One `KEY=value` line of an env file, as istioctl writes it, and the order of the lines. */

/**
 * Upstream's own mistake, kept because users compare with its output: the class in
 * its regular expression is a backslash and the letter w, not "word characters". A
 * backslash is always quoted here: bare, it would swallow the next line.
 */
const BARE = /^[w@%+=:,./-]+$/;

/** The value as one word of bash. It must hold no NUL. */
export function shellQuote(value: string): string {
  return BARE.test(value) ? value : `'${value.replaceAll("'", `'"'"'`)}'`;
}

/** A whole file: lines sorted by their UTF-8 bytes, with a final newline. */
export function formatEnv(variables: ReadonlyMap<string, string>): string {
  const lines = [...variables].map(([key, value]) => `${key}=${shellQuote(value)}`);
  return `${lines.toSorted(compareUtf8).join('\n')}\n`;
}

/** Go's order of strings. JavaScript's own compares UTF-16 units, which puts characters beyond U+FFFF before U+E000. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
