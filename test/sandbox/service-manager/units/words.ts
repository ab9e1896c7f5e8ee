/**
 * The quoting of systemd, as far as services use it: words, quotes, escapes, specifiers, and the words of `systemctl
 * show`.
 */

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', s: ' ' };

/** Splits at blanks outside of quotes, and removes quotes and backslashes. A quote without an end is an error. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '\\' && at + 1 < text.length) {
      const next = text.charAt(++at);
      word = (word ?? '') + (ESCAPES[next] ?? next);
    } else if (quote !== null) {
      if (char === quote) quote = null;
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== null) throw new Error(`unbalanced quoting in: ${text}`);
  if (word !== null) words.push(word);
  return words;
}

/** An element of `Environment=` as `systemctl show` prints it: without quotes if a shell would read it as one word. */
export function quoteWord(word: string): string {
  if (word !== '' && !/[\s"'\\`$*?[()<>|&;!]/.test(word)) return word;
  return `"${word.replaceAll(/["\\`$]/g, '\\$&')}"`;
}

/** Replaces `%n`, `%N`, `%p` and `%%`. Other specifiers need things of a machine that a sandbox does not have. */
export function expandSpecifiers(text: string, unit: string): string {
  const name = unit.slice(0, unit.lastIndexOf('.'));
  const values: Record<string, string> = { '%n': unit, '%N': name, '%p': name, '%%': '%' };
  return text.replaceAll(/%./g, (specifier) => values[specifier] ?? specifier);
}

/** `$NAME` as a whole word is split into words, `${NAME}` is replaced in place. An unset variable is empty. */
export function expandVariables(argv: readonly string[], environment: Readonly<Record<string, string>>): string[] {
  return argv.flatMap((word) => {
    const whole = /^\$([A-Za-z_]\w*)$/.exec(word)?.[1];
    if (whole !== undefined) return splitWords(environment[whole] ?? '');
    const replaced = word.replaceAll(/\$\{([A-Za-z_]\w*)\}/g, (_, name: string) => environment[name] ?? '');
    return [replaced.replaceAll('$$', '$')];
  });
}

const UNITS_MS: Record<string, number> = { us: 0.001, ms: 1, s: 1000, sec: 1000, min: 60_000, m: 60_000, h: 3_600_000 };

/** A time span of systemd in milliseconds: `10`, `30s`, `1min 30s`, `infinity`. */
export function parseSpanMs(text: string): number {
  if (text.trim() === 'infinity') return Number.POSITIVE_INFINITY;
  let total = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/([\d.]+)\s*([a-z]*)/g)) {
    const factor = UNITS_MS[unit === '' ? 's' : unit];
    if (factor === undefined) throw new Error(`unknown unit of time in: ${text}`);
    total += Number(amount) * factor;
  }
  return total;
}
