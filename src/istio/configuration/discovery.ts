/** Which istiod a configuration leads to: its discovery address, and the revision in the host's name. */
import type { ReleaseConfiguration } from '../release.ts';
import { knownValues } from './env/env-text.ts';
import { readGoYaml } from './go/go-yaml.ts';
import { fieldOf } from './mesh-edit.ts';

/** Istio's own default: the unrevisioned istiod. */
const DEFAULT_ADDRESS = 'istiod.istio-system.svc:15012';

type Addressed = Pick<ReleaseConfiguration, 'clusterEnv' | 'sidecarEnv' | 'mesh'>;

/**
 * The discovery address, in the order in which Istio decides it: PILOT_ADDRESS, PROXY_CONFIG, the mesh file, the
 * default. Throws SMM302 when the mesh file cannot be read.
 */
export function discoveryAddress({ clusterEnv, sidecarEnv, mesh }: Addressed): string {
  const env = new Map([...knownValues(sidecarEnv), ...knownValues(clusterEnv)]);
  const proxyConfig = fieldOf(readGoYaml(env.get('PROXY_CONFIG') ?? '', 'PROXY_CONFIG'), ['discoveryAddress']);
  const meshAddress = fieldOf(readGoYaml(mesh, 'the mesh file'), ['defaultConfig', 'discoveryAddress']);
  const address = [env.get('PILOT_ADDRESS'), proxyConfig, meshAddress].find(
    (candidate) => typeof candidate === 'string' && candidate !== '',
  );
  return String(address ?? DEFAULT_ADDRESS);
}

export function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

/** The revision in the name of an istiod, `default` for the unrevisioned one; null for any other name. */
export function revisionInHost(host: string): string | null {
  const [, revision, isIstiod] = /^istiod(?:-([a-z0-9][a-z0-9-]*))?\.([a-z0-9-]+)\.svc(?:\.|$)/.exec(host) ?? [];
  return isIstiod === undefined ? null : (revision ?? 'default');
}
