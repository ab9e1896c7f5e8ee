/** The name of a release: its version for people, and a digest over everything that makes it differ from another. */
import { createHash } from 'node:crypto';
import type { ReleaseConfiguration, ReleaseId } from '../release.ts';

export interface ReleaseContent {
  istioVersion: string;
  revision: string | null;
  /** SHA-256 of the package, in hex. */
  packageDigest: string;
  configuration: ReleaseConfiguration;
}

/**
 * The same content has the same id on every machine and in every version of the agent: fields are named here one by
 * one, in a fixed order, so that neither the order of keys nor a field added later changes an id.
 */
export function releaseId({ istioVersion, revision, packageDigest, configuration }: ReleaseContent): ReleaseId {
  const { clusterEnv, sidecarEnv, mesh, hosts, rootCert } = configuration;
  const content = JSON.stringify([packageDigest, revision, clusterEnv, sidecarEnv, mesh, hosts, rootCert]);
  return `${istioVersion}-${createHash('sha256').update(content).digest('hex').slice(0, 12)}`;
}
