/** What versions of the agent have changed about /var/lib/smm-agent, in order. None has yet: the format is that of 0.1.0. */
import type { Paths } from '../../base/paths.ts';

export interface Migration {
  /** The format afterwards; one more than before. */
  to: number;
  /** The oldest format whose readers understand the new one: the old one where nothing was moved or taken away. */
  oldestReader: number;
  /** For the journal, for example "attempts are kept for each release". */
  what: string;
  /** Must be safe to repeat, and to be killed anywhere. */
  run(paths: Paths): Promise<void>;
}

export const MIGRATIONS: readonly Migration[] = [];
