/**
 * All the real parts, built or downloaded when they are not in the cache yet. As a program (`node
 * test/vm/lab/parts/parts.ts`) it fills the cache and prints where everything lies.
 */
import { sweepDrafts } from './cache.ts';
import { ENVOY_VERSIONS, type EnvoyVersion, envoy } from './envoy-part.ts';
import { type Arch, etcd, istioctl, istiod, istioModuleDir, kubeApiserver, pilotAgent } from './go-parts.ts';
import { ensureTools } from './host-tools.ts';
import { otherNode } from './node-part.ts';
import { rootfs } from './rootfs.ts';

export interface Parts {
  readonly kubeApiserver: string;
  readonly etcd: string;
  readonly istiod: string;
  readonly istioModuleDir: string;
  /** The folder of the base Debian. Never written to: machines have a layer over it. */
  readonly rootfs: string;
  /** Builds the stamp when it is not cached yet, a few seconds each. */
  pilotAgent(version: string, arch?: Arch): Promise<string>;
  envoy(version: EnvoyVersion): Promise<string>;
}

/** The versions that most tests use; built ahead so that no test's time limit pays for them. */
const USUAL_VERSIONS = ['1.30.5', '1.31.0', '1.31.1'];

export async function ensureParts(): Promise<Parts> {
  await ensureTools();
  sweepDrafts();
  // Side by side: one waits for the network while the other uses the processors.
  const [downloaded, built] = await Promise.allSettled([download(), build()]);
  const failures = [downloaded, built].flatMap((result) =>
    result.status === 'rejected' ? [result.reason as Error] : [],
  );
  if (downloaded.status === 'rejected' || built.status === 'rejected') {
    throw new AggregateError(failures, failures.map(({ message }) => message).join('\n'));
  }
  return { ...built.value, rootfs: downloaded.value, istioModuleDir: await istioModuleDir(), pilotAgent, envoy };
}

async function download(): Promise<string> {
  for (const version of ENVOY_VERSIONS) await envoy(version);
  await otherNode('earlier');
  return rootfs();
}

/** One after the other: a Go build uses all cores by itself, and two at once only need twice the memory. */
async function build(): Promise<Pick<Parts, 'etcd' | 'kubeApiserver' | 'istiod'>> {
  for (const version of USUAL_VERSIONS) await pilotAgent(version);
  const programs = { etcd: await etcd(), kubeApiserver: await kubeApiserver(), istiod: await istiod() };
  // Behind istiod, whose packages are most of what it is made of.
  await istioctl();
  return programs;
}

if (import.meta.main) {
  const parts = await ensureParts();
  process.stdout.write(`${JSON.stringify(parts, null, 2)}\n`);
}
