/** What tells a fleet which version of the agent it is to run: ConfigMap smm-agent, or smm-agent-<revision>, beside istiod. */

import { readFile } from 'node:fs/promises';
import semver from 'semver';
import { stringify } from 'yaml';
import { fileError } from '../../src/host/file-errors.ts';
import { agentTarget, runtimeTarget } from '../../src/repository/targets.ts';
import { checkArchive } from './archive-check.ts';
import { PublishError } from './errors.ts';
import { targetFile } from './layout.ts';
import { readState } from './state.ts';

export interface Announcement {
  version: string;
  /** Of Istio. The general one, smm-agent, is what machines of every revision read that has none of its own. */
  revision?: string | undefined;
  /** Of istiod. */
  namespace?: string | undefined;
  /** URL; agents whose configuration names one do not ask for this. */
  repository?: string | undefined;
  /** Older agents stage no Istio before they are upgraded. */
  minVersion?: string | undefined;
  /** No agent upgrades itself. */
  hold?: boolean;
}

/** The ConfigMap as YAML. Throws for values that agents would refuse. */
export function configMapOf({
  version,
  revision = 'default',
  namespace = 'istio-system',
  repository,
  minVersion,
  hold = false,
}: Announcement): string {
  requireVersion(version, 'the version');
  if (minVersion !== undefined) requireVersion(minVersion, '--min');
  if (minVersion !== undefined && semver.gt(minVersion, version)) {
    throw new PublishError(
      `cannot ask for at least ${minVersion} and announce ${version}`,
      'give --min a version that is not newer',
    );
  }
  if (repository !== undefined) requireUrl(repository);
  for (const name of [revision, namespace]) requireName(name);
  return stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: revision === 'default' ? 'smm-agent' : `smm-agent-${revision}`, namespace },
    data: {
      agentVersion: version,
      ...(minVersion === undefined ? {} : { minAgentVersion: minVersion }),
      ...(repository === undefined ? {} : { repository }),
      // A value of a ConfigMap is a text.
      hold: String(hold),
    },
  });
}

/** Rejects unless the version is published, with the runtime that it names for both architectures. */
export async function requirePublished(folder: string, version: string): Promise<void> {
  requireVersion(version, 'the version');
  const { targets } = await readState(folder);
  const published = targets.metadata.signed.targets;
  const path = agentTarget(version);
  const target = published[path];
  if (target === undefined) throw notThere(folder, path);
  const file = targetFile(folder, path, target.hashes.sha256 ?? '');
  const bytes = await readFile(file).catch((cause) => {
    throw fileError('read', file, cause);
  });
  const { runtime } = await checkArchive(file, bytes, { kind: 'agent', version });
  for (const architecture of ['amd64', 'arm64'] as const) {
    const needed = runtimeTarget(runtime, architecture);
    if (published[needed] === undefined) throw notThere(folder, needed);
  }
}

function notThere(folder: string, path: string): PublishError {
  return new PublishError(
    `cannot announce it: ${folder} does not publish ${path}`,
    'repository add publishes it; sync before you announce',
  );
}

function requireVersion(version: string, what: string): void {
  if (semver.valid(version) === version) return;
  const clean = semver.clean(version);
  throw new PublishError(
    `cannot use ${JSON.stringify(version)} as ${what}`,
    clean === null ? 'write a version, for example 1.2.0' : `write ${clean}`,
  );
}

function requireUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'https:' && `${url.username}${url.password}${url.search}${url.hash}` === '') return;
  throw new PublishError(
    `cannot announce the repository ${text}: agents take https:// with host, port and path only`,
    'write for example https://downloads.example/smm',
  );
}

function requireName(name: string): void {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return;
  throw new PublishError(
    `cannot use ${JSON.stringify(name)} as a name in the cluster`,
    'write lower case letters, digits and hyphens',
  );
}
