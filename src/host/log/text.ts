/** A log line as text: a sentence, then key=value. */
import type { Fields } from './log.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** syslog's priorities, which journald takes from the beginning of a line. */
const PRIORITIES: Record<Level, number> = { error: 3, warn: 4, info: 6, debug: 7 };

/** journald cuts lines at 48 KB, and the rest would be an entry without priority. */
const MAX_CHARS = 8000;

export interface Entry {
  level: Level;
  /** ISO 8601. */
  time: string;
  sentence: string;
  fields: Fields;
}

/** For the journal, which knows the time itself: `<6>sentence key=value`. */
export function journalLine({ level, sentence, fields }: Entry): string {
  return `<${PRIORITIES[level]}>${line(sentence, fields)}\n`;
}

/** For a terminal or a file: time, level, sentence, fields. */
export function plainLine({ level, time, sentence, fields }: Entry): string {
  return `${time} ${level.padEnd(5)} ${line(sentence, fields)}\n`;
}

function line(sentence: string, fields: Fields): string {
  const words = [printable(sentence), ...Object.entries(fields).map(([key, value]) => `${key}=${word(value)}`)].join(
    ' ',
  );
  return words.length > MAX_CHARS ? `${words.slice(0, MAX_CHARS)}...` : words;
}

function word(value: Fields[string]): string {
  if (typeof value !== 'string') return String(value);
  const isPlain = value !== '' && !/[\s"'=\\]|[\p{Cc}\p{Cf}]/u.test(value);
  return isPlain ? value : `"${printable(value.replace(/["\\]/g, '\\$&'))}"`;
}

/** One line, without what could move a terminal's cursor or forge another line: much of it comes from the network. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    return ESCAPES[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

const ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
