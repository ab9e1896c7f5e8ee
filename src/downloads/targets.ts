/** The names of files in the signed repository: the publisher gives them, and the agent looks for them. */

/** Debian's names of architectures. */
export type TargetArchitecture = 'amd64' | 'arm64';

/** One version of the agent, for all architectures: a tar of its folder, compressed with Zstandard. */
export function agentTarget(version: string): string {
  return `agent/smm-agent-${version}.tar.zst`;
}

/** A Node runtime: a tar of its folder, compressed with Zstandard. */
export function runtimeTarget(version: string, architecture: TargetArchitecture): string {
  return `runtime/node-${version}-${architecture}.tar.zst`;
}

/** Istio's own package, as it was published. */
export function istioTarget(istioVersion: string, architecture: TargetArchitecture): string {
  return `istio/${istioVersion}/istio-sidecar-${architecture}.deb`;
}
