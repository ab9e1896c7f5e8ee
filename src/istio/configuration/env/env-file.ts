/** Changes single keys of an env file that the agent did not write, and leaves every other line byte for byte. */

import { shellQuote } from '../go/quote.ts';
import { unchangeable } from '../problem.ts';
import { type EnvEntry, lastMention, readEnvText } from './env-text.ts';

/**
 * The text with these keys set, or without them where the value is null. A key is changed where it was set last; if
 * that place is not understood, a line at the end wins over it. Repeating a change changes nothing. `file` names the
 * text in errors. Throws SMM306 when bash would not reach a new line, or the key cannot be removed.
 */
export function setEnv(text: string, changes: Readonly<Record<string, string | null>>, file: string): string {
  return Object.entries(changes).reduce((result, [key, value]) => setKey(result, key, value, file), text);
}

function setKey(text: string, key: string, value: string | null, file: string): string {
  const { entries, isClosed } = readEnvText(text);
  if (value === null) return without(entries, key, file);
  const last = lastMention(entries, key);
  if (last?.kind === 'assignment') {
    return last.value === value
      ? text
      : textOf(entries.map((entry) => (entry === last ? changed(last, value) : entry)));
  }
  if (!isClosed) throw unchangeable(file, key, 'a quote or a block in it is never closed');
  return withLine(text, `${key}=${shellQuote(value)}`);
}

/** The text with one more line at its end. */
export function withLine(text: string, line: string): string {
  const isAtLineStart = text === '' || text.endsWith('\n');
  return `${text}${isAtLineStart ? '' : '\n'}${line}\n`;
}

function without(entries: readonly EnvEntry[], key: string, file: string): string {
  const kept = entries.filter((entry) => entry.kind !== 'assignment' || entry.key !== key);
  const other = lastMention(kept, key);
  if (other !== undefined)
    throw unchangeable(file, key, `line ${other.line} may set it in a way that is not understood`);
  return textOf(kept);
}

function changed(entry: EnvEntry & { kind: 'assignment' }, value: string): EnvEntry {
  const end = entry.text.endsWith('\n') ? '\n' : '';
  return { ...entry, text: `${entry.isExported ? 'export ' : ''}${entry.key}=${shellQuote(value)}${end}` };
}

function textOf(entries: readonly EnvEntry[]): string {
  return entries.map(({ text }) => text).join('');
}
