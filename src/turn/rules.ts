/**
 * Writes the operator's rules and the agent's findings as small files for the scripts in systemd/: the scripts cannot
 * read YAML, and must know the rules also while the agent does not run. A file is written only if it changes.
 */
import { join } from 'node:path';
import type { Paths } from '../base/paths.ts';
import type { Config } from '../config/schema.ts';
import type { Target } from '../control-plane/target/target.ts';
import type { Clock } from '../host/clock.ts';
import { makeFolder, namesIn, readText, removeFile, writeAtomically } from '../host/files/files.ts';
import { markHold } from '../istio/activation/hold-marker.ts';
import { ReleaseFindings } from '../istio/releases/findings.ts';
import type { Observation } from '../observation/observation.ts';
import { VersionRejections } from '../versions/rejections.ts';

/** `hasRevision` says whether a revision's control plane exists; null if that is unknown. */
export async function writeRules(
  paths: Paths,
  config: Config,
  target: Target,
  observation: Observation,
  clock: Clock,
  hasRevision: (revision: string) => Promise<boolean | null>,
): Promise<void> {
  const folder = join(paths.state, 'istio');
  await markHold(paths, config.hold);
  await ensureText(join(folder, 'start-when-stopped'), `${config.istio.startWhenStopped}\n`);
  await new ReleaseFindings(paths.state, clock).rejections.expire();
  await new VersionRejections(paths, clock).expire();
  if (target.answer === 'wanted') await markGone(join(folder, 'gone'), target.revision.name, observation, hasRevision);
}

/** Releases whose control plane is gone are nothing to go back to: their proxy could not even renew its certificate. */
async function markGone(
  folder: string,
  wanted: string,
  { releases }: Observation,
  hasRevision: (revision: string) => Promise<boolean | null>,
): Promise<void> {
  await makeFolder(folder, 0o755);
  const revisions = new Map<string, boolean | null>([[wanted, true]]);
  for (const { manifest } of releases) {
    const revision = manifest.revision ?? wanted;
    if (!revisions.has(revision)) revisions.set(revision, await hasRevision(revision));
    const isThere = revisions.get(revision) ?? null;
    if (isThere !== null) await ensureMarker(join(folder, manifest.id), !isThere);
  }
  const known = new Set(releases.map(({ manifest }) => manifest.id));
  for (const name of await namesIn(folder)) if (!known.has(name)) await removeFile(join(folder, name));
}

async function ensureText(path: string, text: string): Promise<void> {
  if ((await readText(path)) !== text) await writeAtomically(path, text, { mode: 0o644 });
}

async function ensureMarker(path: string, isWanted: boolean): Promise<void> {
  const isThere = (await readText(path)) !== null;
  if (isWanted && !isThere) await writeAtomically(path, '', { mode: 0o644 });
  if (!isWanted && isThere) await removeFile(path);
}
