/**
 * The changes that versions of the agent made to the format of /var/lib/smm-agent, in order. None yet: it is that of
 * 0.1.0.
 */
import type { Paths } from '../../base/paths.ts';

export interface Migration {
  /** The format afterwards; one more than before. */
  to: number;
  /** The oldest format whose readers understand the new one: the old one if nothing was moved or removed. */
  oldestReader: number;
  /** For the journal, for example "attempts are kept for each release". */
  what: string;
  /** Must be safe to repeat, and to be killed anywhere. */
  run(paths: Paths): Promise<void>;
}

export const MIGRATIONS: readonly Migration[] = [];
