/** Files of lines `key=value`, as the scripts in systemd/bin write and read them. No script sources them. */

/** If a key appears twice, the last value counts, as in the scripts. */
export function parseFields(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const at = line.indexOf('=');
      return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}

/** One line for each field; a line break in a value becomes a blank. */
export function formatFields(fields: Iterable<readonly [string, string | number]>): string {
  return [...fields].map(([key, value]) => `${key}=${String(value).replace(/\s+/g, ' ').trim()}\n`).join('');
}
