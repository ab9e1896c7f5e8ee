/** What a command of the publisher changes on disk, step by step. */

/**
 * Every change that a command makes on disk; a kill before, between or after them leaves a repository that can be used.
 */
export type Step =
  | 'settings-written'
  | 'key-made'
  | 'target-placed'
  | 'targets-written'
  | 'snapshot-written'
  | 'timestamp-prepared'
  | 'root-written'
  | 'timestamp-written'
  | 'draft-written'
  | 'draft-removed'
  | 'old-file-removed';

export type OnStep = (step: Step) => Promise<void>;
