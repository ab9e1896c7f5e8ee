/**
 * Istio's last switch to another release, and how that release
 * ended since, as the scripts in systemd/bin wrote it down.
 */
import { join } from 'node:path';
import type { Paths } from '../../base/paths.ts';
import { readText } from '../../host/files/files.ts';
import { RELEASE_ID, type ReleaseId } from '../release.ts';

/** The release that was active before the last switch: a bad one is rolled back to it. null before the first switch. */
export async function readPreviousRelease({ state }: Pick<Paths, 'state'>): Promise<ReleaseId | null> {
  const text = (await readText(join(state, 'istio/switched'))) ?? '';
  const id = /^from=(.*)$/m.exec(text)?.[1] ?? '';
  return RELEASE_ID.test(id) ? id : null;
}

/** How often a release that is not confirmed has ended soon after its start, since the switch to it. */
export async function readEnds({ state }: Pick<Paths, 'state'>, id: ReleaseId): Promise<number> {
  const text = (await readText(join(state, 'istio/ends', id))) ?? '';
  return Number(/^count=(\d{1,9})$/m.exec(text)?.[1] ?? 0);
}
