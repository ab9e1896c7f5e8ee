/**
 * Named points at which a kill must leave the machine in a state that the next turn puts right.
 * A test runs the real program once for each name and has it killed there; in production the calls do nothing.
 */

/** In the making of a release, from adoption and download to cleaning. The test of releases runs into each of them. */
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

/** In the agent's own upgrade, from the old version's side. The download is passed through the points above. */
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

/** And from the new one's, until it is confirmed and has cleaned up. */
export const CONFIRMATION_CHECKPOINTS = [
  'agent-started',
  'agent-ready',
  'agent-turn-reported',
  'agent-history-written',
  'agent-probation-ended',
  'agent-state-migrated',
  'agent-version-forgotten',
] as const;

/** While the signed repository is asked. Its own test runs into each of them. */
export const REPOSITORY_CHECKPOINTS = ['repository-scratch-filled', 'repository-verified', 'repository-kept'] as const;

export type Checkpoint = (
  | typeof RELEASE_CHECKPOINTS
  | typeof REPOSITORY_CHECKPOINTS
  | typeof UPGRADE_CHECKPOINTS
  | typeof CONFIRMATION_CHECKPOINTS
)[number];

/**
 * Ends this process by SIGKILL when SMM_TEST_KILL_AT names the point; `<name>:<n>` means the n-th time that it is
 * passed. SIGKILL and no exception: nothing may tidy up on the way out, as after a power cut. SIGSTOP by SMM_TEST_KILL_BY holds it there,
 * for a test that ends the whole machine.
 */
export function checkpoint(name: Checkpoint): void {
  const [wanted, times = '1'] = process.env.SMM_TEST_KILL_AT?.split(':') ?? [];
  if (wanted !== name) return;
  if (times === '1') process.kill(process.pid, process.env.SMM_TEST_KILL_BY ?? 'SIGKILL');
  process.env.SMM_TEST_KILL_AT = `${name}:${Number(times) - 1}`;
}
