/** The daemon's log: its format and level come with the configuration, which can be read again. */
import type { Config } from '../config/schema.ts';
import { isJournal, openLog } from '../host/log/journal.ts';
import type { Log } from '../host/log/log.ts';

const DEFAULT_LOG: Config['log'] = { format: 'text', level: 'info' };

export class ReopenableLog implements Log {
  readonly #env: NodeJS.ProcessEnv;
  #log: Log;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
    this.#log = this.#open(DEFAULT_LOG);
  }

  reopen(options: Config['log']): void {
    this.#log = this.#open(options);
  }

  debug: Log['debug'] = (sentence, fields) => this.#log.debug(sentence, fields);
  info: Log['info'] = (sentence, fields) => this.#log.info(sentence, fields);
  warn: Log['warn'] = (sentence, fields) => this.#log.warn(sentence, fields);
  error: Log['error'] = (sentence, fields) => this.#log.error(sentence, fields);

  #open({ format, level }: Config['log']): Log {
    return openLog({ format, level, toJournal: isJournal(1, this.#env), output: process.stdout });
  }
}
