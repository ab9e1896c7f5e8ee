/**
 * The environment in which a start of Istio runs pilot-agent, and the values in it that
 * decide how the machine is known in the mesh. The start script sources sidecar.env and
 * then cluster.env, so that both win over the environment that systemd sets.
 */
import { isIP } from 'node:net';
import { AgentError } from '../base/errors.ts';
import { lastMention, readEnvText } from './configuration/env/env-text.ts';
import type { ReleaseConfiguration } from './release.ts';

type EnvFiles = Pick<ReleaseConfiguration, 'clusterEnv' | 'sidecarEnv'>;

/**
 * What the unit brings: `Environment=` as systemd has it, and the texts of the files in `EnvironmentFile=`, in order.
 */
export interface UnitEnvironment {
  variables: Readonly<Record<string, string>>;
  files: readonly string[];
}

/** undefined: it is not set. null: it is set, and only a shell could tell its value. */
export type Variable = string | null | undefined;

/** The variable as pilot-agent gets it. */
export function proxyVariable(key: string, { clusterEnv, sidecarEnv }: EnvFiles, unit: UnitEnvironment): Variable {
  for (const text of [clusterEnv, sidecarEnv, ...unit.files.toReversed()]) {
    const entry = lastMention(readEnvText(text).entries, key);
    if (entry !== undefined) return entry.kind === 'assignment' ? entry.value : null;
  }
  return unit.variables[key];
}

/** How istiod knows the machine: it registers `<group>-<address>[-<network>]`. */
export interface ProxyIdentity {
  /** ISTIO_SVC_IP; null if the start script takes the machine's first address, or if it is unknown. */
  address: string | null;
  /** ISTIO_META_NETWORK, empty if Istio has none; null if it is unknown. */
  network: string | null;
}

/** An unknown value is null: a mesh file that cannot be read must not hide the other values. */
export async function proxyIdentity(
  files: EnvFiles & Pick<ReleaseConfiguration, 'mesh'>,
  unit: UnitEnvironment,
): Promise<ProxyIdentity> {
  // pilot-agent ignores a value that is not an address, and the start script ignores an empty one.
  const address = proxyVariable('ISTIO_SVC_IP', files, unit) ?? '';
  return { address: isIP(address) === 0 ? null : canonical(address), network: await networkOf(files, unit) };
}

/** pilot-agent's own order: its environment, also with an empty value, then proxyMetadata. */
async function networkOf(
  files: EnvFiles & Pick<ReleaseConfiguration, 'mesh'>,
  unit: UnitEnvironment,
): Promise<string | null> {
  const key = 'ISTIO_META_NETWORK';
  const set = proxyVariable(key, files, unit);
  if (set !== undefined) return set;
  const proxyConfig = proxyVariable('PROXY_CONFIG', files, unit) ?? '';
  // Reading YAML costs memory that an idle agent does not need: usually cluster.env has the network.
  if (!proxyConfig.includes(key) && !files.mesh.includes(key)) return '';
  const { proxyConfigField } = await import('./proxy-config.ts');
  try {
    const network = proxyConfigField(['proxyMetadata', key], files.mesh, proxyConfig);
    return typeof network === 'string' ? network : '';
  } catch (error) {
    if (error instanceof AgentError) return null;
    throw error;
  }
}

/** As Go prints it: pilot-agent parses the address, and the name of the entry is made from the printed form. */
function canonical(address: string): string {
  if (!address.includes(':')) return address;
  return URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1) ?? address;
}
