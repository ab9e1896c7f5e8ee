/**
 * The ConfigMap that tells a fleet which version of the agent
 * to run: smm-agent, or smm-agent-<revision>, beside istiod.
 */

import { readFile } from 'node:fs/promises';
import semver from 'semver';
import { stringify } from 'yaml';
import { digestsText, type PackageDigests } from '../../src/control-plane/target/package-digests.ts';
import { agentTarget, runtimeTarget, type TargetArchitecture } from '../../src/downloads/targets.ts';
import { fileError } from '../../src/host/files/file-errors.ts';
import { PublishError } from '../errors.ts';
import { targetFile } from '../layout.ts';
import { readState } from '../state.ts';
import { checkArchive } from '../targets/archive-check.ts';

export interface Announcement {
  version: string;
  /** Revision of Istio. A machine reads the general ConfigMap, smm-agent, when its revision has none of its own. */
  revision?: string | undefined;
  /** Namespace of istiod. */
  namespace?: string | undefined;
  /** URL; agents whose configuration names a repository ignore it. */
  repository?: string | undefined;
  /** Older agents stage no Istio before they are upgraded. */
  minVersion?: string | undefined;
  /** No agent upgrades itself. */
  hold?: boolean;
  /** Which packages of Istio a mirror may offer; null: any. */
  istioDigests?: PackageDigests | null;
}

/** The ConfigMap as YAML. Throws for values that agents would refuse. */
export function configMapOf({
  version,
  revision = 'default',
  namespace = 'istio-system',
  repository,
  minVersion,
  hold = false,
  istioDigests = null,
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
    metadata: configMapName({ revision, namespace }),
    data: {
      agentVersion: version,
      ...(minVersion === undefined ? {} : { minAgentVersion: minVersion }),
      ...(repository === undefined ? {} : { repository }),
      // A value of a ConfigMap is a text.
      hold: String(hold),
      ...(istioDigests === null ? {} : { istioDigests: digestsText(istioDigests) }),
    },
  });
}

export function configMapName({
  revision = 'default',
  namespace = 'istio-system',
}: Pick<Announcement, 'revision' | 'namespace'>): { name: string; namespace: string } {
  return { name: revision === 'default' ? 'smm-agent' : `smm-agent-${revision}`, namespace };
}

/** Rejects unless the version is published, with the runtime that it names for each of the architectures. */
export async function requirePublished(
  folder: string,
  version: string,
  architectures: readonly TargetArchitecture[],
): Promise<void> {
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
  for (const architecture of architectures) {
    const needed = runtimeTarget(runtime, architecture);
    if (published[needed] === undefined) throw notThere(folder, needed, architecture);
  }
}

function notThere(folder: string, path: string, architecture?: TargetArchitecture): PublishError {
  const other = architecture === 'arm64' ? 'amd64' : 'arm64';
  const fleet = architecture === undefined ? '' : `; for a fleet without ${architecture} say --arch ${other}`;
  return new PublishError(
    `cannot announce it: ${folder} does not publish ${path}`,
    `repository add publishes it; sync before you announce${fleet}`,
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
