/** What istio-activate switched last, as systemd/bin/istio-switch wrote it down. */
import { join } from 'node:path';
import { readText } from '../../host/files.ts';
import type { Paths } from '../../paths.ts';
import { RELEASE_ID, type ReleaseId } from '../release.ts';

/** The release that was active before the last switch: where a bad one is put back to. null before the first switch. */
export async function readPreviousRelease({ state }: Pick<Paths, 'state'>): Promise<ReleaseId | null> {
  const text = (await readText(join(state, 'istio/switched'))) ?? '';
  const id = /^from=(.*)$/m.exec(text)?.[1] ?? '';
  return RELEASE_ID.test(id) ? id : null;
}
