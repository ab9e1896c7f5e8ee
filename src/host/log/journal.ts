/**
 * The daemon's log, over pino: sentences with a priority for the journal, with
 * time and level elsewhere, or pino's JSON. Written at once and in this thread:
 * pino's transports would cost a worker, and a crash would lose the last lines.
 */
import { fstatSync } from 'node:fs';
import { pino } from 'pino';
import { hideSecrets } from '../../base/secrets.ts';
import type { Fields, Log } from './log.ts';
import { journalLine, type Level, plainLine } from './text.ts';

export interface LogOptions {
  format: 'text' | 'json';
  level: Level;
  /** Whether journald reads the output: then a line begins with its priority. */
  toJournal: boolean;
  output: { write(text: string): unknown };
}

/** Whether a file descriptor leads to the journal: systemd names its device and inode in $JOURNAL_STREAM. */
export function isJournal(fd: number, env: NodeJS.ProcessEnv): boolean {
  const stream = env.JOURNAL_STREAM;
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return stream === `${dev}:${ino}`;
}

/** Names that pino's own lines use. */
const TAKEN = new Set(['level', 'time', 'msg']);

export function openLog({ format, level, toJournal, output }: LogOptions): Log {
  const asText = toJournal ? journalLine : plainLine;
  const destination = {
    write(json: string) {
      const safe = hideSecrets(json);
      output.write(format === 'json' ? safe : asText(entryOf(safe)));
    },
  };
  const logger = pino(
    {
      base: null,
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const at =
    (severity: Level) =>
    (sentence: string, fields: Fields = {}) =>
      // As an argument of its own the sentence would be a format string, and it may quote a % that came from outside.
      logger[severity]({ ...renamed(fields), msg: sentence });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function renamed(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [TAKEN.has(key) ? `${key}_` : key, value]));
}

function entryOf(json: string) {
  const { level, time, msg, ...fields } = JSON.parse(json) as { level: Level; time: string; msg: string } & Fields;
  return { level, time, sentence: msg, fields };
}
