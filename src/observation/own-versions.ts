/** Observes the agent's own versions: links, folders, probation and rejections. Changes nothing. */
import { lstat } from 'node:fs/promises';
import type { Paths } from '../base/paths.ts';
import { AGENT_VERSION } from '../base/version.ts';
import type { Clock } from '../host/clock.ts';
import { fileError, hasCode } from '../host/files/file-errors.ts';
import { readLeftVersion } from '../versions/operators-choice.ts';
import { readProbation } from '../versions/probation.ts';
import { VersionRejections } from '../versions/rejections.ts';
import { VersionStore } from '../versions/store.ts';
import type { AgentObservation } from './observation.ts';

/**
 * `invocation`: $INVOCATION_ID of a daemon that systemd runs. Rejects if a file cannot be read: that is not the same as
 * a missing file.
 */
export async function observeAgent(
  { paths, clock }: { paths: Paths; clock: Clock },
  invocation: string | null,
): Promise<AgentObservation> {
  const store = new VersionStore(paths);
  return {
    running: AGENT_VERSION,
    installed: await store.link('current'),
    installedAt: await linkedAt(paths.current),
    previous: await store.link('previous'),
    versions: await store.list(),
    probation: await readProbation(paths),
    rejected: await new VersionRejections(paths, clock).read(),
    left: await readLeftVersion(paths),
    invocation,
  };
}

/** Null if the link does not exist. */
async function linkedAt(link: string): Promise<Date | null> {
  try {
    return (await lstat(link)).mtime;
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return null;
    throw fileError('read', link, cause);
  }
}
