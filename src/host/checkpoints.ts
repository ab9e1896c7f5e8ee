/**
 * Named points at which a kill must leave the machine in a state that the next turn puts right.
 * A test runs the real program once for each name and has it killed there; in production the calls do nothing.
 */

/** In the order in which a first upgrade passes them. A name that no code reaches fails the test of its area. */
export const CHECKPOINTS = [
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
export type Checkpoint = (typeof CHECKPOINTS)[number];

/**
 * Ends this process by SIGKILL when SMM_TEST_KILL_AT names the point. SIGKILL and no exception: nothing may
 * tidy up on the way out, as after a power cut.
 */
export function checkpoint(name: Checkpoint): void {
  if (process.env.SMM_TEST_KILL_AT === name) process.kill(process.pid, 'SIGKILL');
}
