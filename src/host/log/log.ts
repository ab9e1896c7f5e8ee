/**
 * What the agent logs while it works: sentences with fields, one
 * for each change. The daemon's log is src/host/log/journal.ts.
 */

export type Fields = Record<string, string | number | boolean | null>;

export interface Log {
  debug(sentence: string, fields?: Fields): void;
  info(sentence: string, fields?: Fields): void;
  warn(sentence: string, fields?: Fields): void;
  error(sentence: string, fields?: Fields): void;
}
