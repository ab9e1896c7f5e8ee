/**
 * Named points at which a kill must leave the machine in a state that the next turn repairs.
 * A test runs the real program once for each name and has it killed there; in production the calls do nothing.
 */

/**
 * While a release is made, from adoption and download to cleaning. The test of releases has the program killed at each.
 */
export const RELEASE_CHECKPOINTS = [
  'file-temporary-written',
  'file-renamed',
  'link-temporary-made',
  'link-renamed',
  'download-begun',
  'download-halfway',
  'download-complete',
  'download-renamed',
  'stage-folder-made',
  'stage-unpacked',
  'stage-configured',
  'stage-tried',
  'stage-marked',
  'stage-old-moved-away',
  'stage-renamed',
  'adopt-copied',
  'adopt-renamed',
  'clean-moved-away',
  'clean-marker-removed',
] as const;

/** In the agent's own upgrade, while the old version runs. Its download passes the points above. */
export const UPGRADE_CHECKPOINTS = [
  'agent-bundle-unpacked',
  'agent-runtime-unpacked',
  'agent-runtime-placed',
  'agent-version-placed',
  'agent-self-checked',
  'agent-probation-written',
  'agent-current-linked',
  'agent-previous-linked',
  'agent-restart-due',
] as const;

/** In the agent's own upgrade, while the new version runs, until it has confirmed itself and cleaned up. */
export const CONFIRMATION_CHECKPOINTS = [
  'agent-started',
  'agent-ready',
  'agent-turn-reported',
  'agent-history-written',
  'agent-probation-ended',
  'agent-state-migrated',
  'agent-version-forgotten',
] as const;

/** While the signed repository is asked. A test of its own has the program killed at each. */
export const REPOSITORY_CHECKPOINTS = ['repository-scratch-filled', 'repository-verified', 'repository-kept'] as const;

export type Checkpoint = (
  | typeof RELEASE_CHECKPOINTS
  | typeof REPOSITORY_CHECKPOINTS
  | typeof UPGRADE_CHECKPOINTS
  | typeof CONFIRMATION_CHECKPOINTS
)[number];

/**
 * Ends this process by SIGKILL when SMM_TEST_KILL_AT names the point; `<name>:<n>` means the n-th time that it is
 * passed. SIGKILL and no exception: as in a power cut, no code may tidy up. With SMM_TEST_KILL_BY=SIGSTOP the process
 * stops there instead, for a test that ends the whole machine.
 */
export function checkpoint(name: Checkpoint): void {
  const [wanted, times = '1'] = process.env.SMM_TEST_KILL_AT?.split(':') ?? [];
  if (wanted !== name) return;
  if (times === '1') process.kill(process.pid, process.env.SMM_TEST_KILL_BY ?? 'SIGKILL');
  process.env.SMM_TEST_KILL_AT = `${name}:${Number(times) - 1}`;
}
