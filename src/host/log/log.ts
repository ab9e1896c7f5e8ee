/** What the agent says while it works. Sentences with fields, once for each change. src/host/log/journal.ts is the one of the daemon. */

export type Fields = Record<string, string | number | boolean | null>;

export interface Log {
  debug(sentence: string, fields?: Fields): void;
  info(sentence: string, fields?: Fields): void;
  warn(sentence: string, fields?: Fields): void;
  error(sentence: string, fields?: Fields): void;
}
