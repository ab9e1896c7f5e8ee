/**
 * Parses the output of `systemctl show`, from systemd 239 (RHEL 8) to 257: later versions quote more. Pure functions.
 */
import type { ExecCommand } from './service-manager.ts';

/** Values by property, in the order printed: a property with several commands or files is printed once for each. */
export type Properties = ReadonlyMap<string, readonly string[]>;

const PROPERTY = /^([A-Z][A-Za-z]+)=(.*)$/;

/** `names` are the properties that were asked for: an old systemd prints newlines inside of values as they are. */
export function parseShow(text: string, names: ReadonlySet<string>): Properties {
  const found = new Map<string, string[]>();
  let last: string[] | undefined;
  for (const line of text.split('\n')) {
    const [, name = '', value = ''] = PROPERTY.exec(line) ?? [];
    if (names.has(name)) {
      last = found.get(name) ?? [];
      found.set(name, [...last, value]);
      last = found.get(name);
    } else if (last !== undefined && line !== '') {
      last.push(`${last.pop()}\n${line}`);
    }
  }
  return found;
}

/** `{ path=... ; argv[]=... ; ignore_errors=no ; ... }`, once or several times. */
export function parseCommands(values: readonly string[]): ExecCommand[] {
  return values.flatMap((value) =>
    [...value.matchAll(/\{ path=.*? ; argv\[\]=(.*?) ; ignore_errors=(?:yes|no) ;.*?\}/gs)].map(([, argv = '']) => ({
      argv: splitWords(argv),
    })),
  );
}

/**
 * `A=b $'C=d e'` as pairs. Before systemd 246 words are not quoted: there, a word that does not begin an assignment
 * belongs to the value before it.
 */
export function parseEnvironment(value: string): Record<string, string> {
  const assignments: string[] = [];
  for (const word of splitWords(value)) {
    if (/^[A-Za-z_][A-Za-z0-9_]*=/.test(word)) assignments.push(word);
    else if (assignments.length > 0) assignments.push(`${assignments.pop()} ${word}`);
  }
  return Object.fromEntries(
    assignments.map((assignment) => {
      const at = assignment.indexOf('=');
      return [assignment.slice(0, at), assignment.slice(at + 1)];
    }),
  );
}

/** `/etc/default/istio (ignore_errors=yes)` without the parentheses. */
export function parseEnvironmentFile(value: string): string {
  return value.replace(/ \(ignore_errors=(yes|no)\)$/, '');
}

/** A time as printed with TZ=UTC (`Mon 2026-11-23 12:42:23 UTC`); null for `n/a` and an empty value. */
export function parseTimestamp(value: string): Date | null {
  const [, day, time] = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? UTC$/.exec(value) ?? [];
  return day === undefined ? null : new Date(`${day}T${time}Z`);
}

const SPAN_MS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  month: 2_629_800_000,
  y: 31_557_600_000,
};

/** A span of time as printed (`10s`, `5min 30s`, `infinity`, `0`), in milliseconds; null for anything else. */
export function parseSpanMs(value: string): number | null {
  if (value === 'infinity') return Infinity;
  if (value === '0') return 0;
  let total = 0;
  for (const word of value.split(' ')) {
    const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(word) ?? [];
    const factor = SPAN_MS[unit];
    if (factor === undefined) return null;
    total += Number(amount) * factor;
  }
  return total;
}

/**
 * Words between blanks; quoted ones as systemd quotes (`"..."`, `'...'`, `$'...'`). Unbalanced quotes are plain text.
 */
export function splitWords(text: string): string[] {
  const word = /\s*(?:\$?'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\S+))(?=\s|$)/gsy;
  const words: string[] = [];
  const trimmed = text.trimEnd();
  while (word.lastIndex < trimmed.length) {
    const match = word.exec(trimmed);
    if (match === null) return trimmed.split(/\s+/).filter(Boolean);
    const [, single, double, plain = ''] = match;
    words.push(single !== undefined || double !== undefined ? unescaped(single ?? double ?? '') : plain);
  }
  return words;
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  s: ' ',
};

function unescaped(text: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|[0-7]{3}|.)/gs, (_, code: string) => {
    if (code.length === 3) {
      return String.fromCharCode(code.startsWith('x') ? Number.parseInt(code.slice(1), 16) : Number.parseInt(code, 8));
    }
    return ESCAPES[code] ?? code;
  });
}
