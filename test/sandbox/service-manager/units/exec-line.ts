/** One `Exec*=` line of a unit file. */
import { splitWords } from './words.ts';

export interface ExecLine {
  path: string;
  argv: [string, ...string[]];
  /** Prefix `-`: a failure counts as success. */
  ignoresFailure: boolean;
}

/** Understands the prefixes `@`, `-`, `:`, `+` and `!` in any order. Without privileges, `+` and `!` have no effect. */
export function parseExec(value: string): ExecLine {
  const [, prefixes = '', rest = ''] = /^([@\-:+!]*)(.*)$/s.exec(value) ?? [];
  const [path, ...words] = splitWords(rest);
  if (path === undefined) throw new Error(`an Exec line without a program: ${value}`);
  const argv: [string, ...string[]] = prefixes.includes('@') ? [words[0] ?? path, ...words.slice(1)] : [path, ...words];
  return { path, argv, ignoresFailure: prefixes.includes('-') };
}
