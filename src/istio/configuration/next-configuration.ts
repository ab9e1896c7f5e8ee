/**
 * The configuration of the wanted release: the machine's own
 * with the fewest changes, or rendered from the WorkloadGroup.
 */
import { AgentError, describeError } from '../../base/errors.ts';
import { AGENT_GROUP } from '../../host/own-group.ts';
import { RELEASE_FILES, RELEASE_FOLDER, type ReleaseConfiguration } from '../release.ts';
import { controlPlaneAddresses } from './addresses.ts';
import { lastMention, readEnvText } from './env/env-text.ts';
import { withGroupExcluded, withMeshConfigFlag } from './env/own-lines.ts';
import { hostsLine } from './gateway.ts';
import type { VmInputs } from './inputs.ts';
import { keepConfiguration, type Move, type OwnFileNames } from './kept.ts';
import { type LocalConfiguration, NO_LOCAL_CONFIGURATION } from './local.ts';
import { renderVmFiles, type VmFiles } from './render.ts';

const BINARY_PATH = `${RELEASE_FOLDER}/${RELEASE_FILES.envoy}`;

export interface NextConfigurationRequest {
  kind: 'keep' | 'render';
  /**
   * The control plane's objects; hostile until a rendering has
   * accepted them, also when the machine's own configuration is kept.
   */
  inputs: VmInputs;
  /** The machine's own configuration; null on a machine without one. */
  own: ReleaseConfiguration | null;
  /** Whether the machine's own leads to another revision than the wanted one. */
  isMove: boolean;
  local: LocalConfiguration;
  /** The link `active`: releases name their files through it. */
  activeLink: string;
  /** All addresses of a host name, in the order of RFC 6724: addresses without a route come last. */
  resolve: (host: string) => Promise<string[]>;
  /** The hosts lines that are in use: an address in them is kept while the gateway's name still has it. */
  knownHosts: readonly string[];
  /** The names of the machine's own files in errors. */
  names?: OwnFileNames;
}

export interface NextConfiguration {
  /** The mesh file holds RELEASE_FOLDER. */
  configuration: ReleaseConfiguration;
  /** Sentences about objects that cannot be used, and that this machine does not need. */
  warnings: string[];
}

/** Rejects with AgentError SMM301 to SMM308. */
export async function nextConfiguration(request: NextConfigurationRequest): Promise<NextConfiguration> {
  const { kind, inputs, own, isMove, local, names } = request;
  if (kind === 'keep' && own !== null) {
    const move = isMove ? { move: await moveTo(request) } : {};
    const change = { binaryPath: BINARY_PATH, local, ...move, ...(names === undefined ? {} : { names }) };
    const configuration = withOwnLines(keepConfiguration(own, change), request.activeLink);
    return { configuration, warnings: unusable(inputs, local) };
  }
  const rendered = renderVmFiles(inputs, local, { binaryPath: BINARY_PATH });
  const configuration = {
    clusterEnv: rendered.clusterEnv,
    sidecarEnv: own?.sidecarEnv ?? '',
    mesh: rendered.mesh,
    hosts: await hostsOf(rendered, request),
    rootCert: rendered.rootCert === '' ? null : rendered.rootCert,
  };
  return { configuration: withOwnLines(configuration, request.activeLink), warnings: [] };
}

/** What would prevent a rendering. The machine keeps its own configuration, so these are warnings only. */
function unusable(inputs: VmInputs, local: LocalConfiguration): string[] {
  const notUsed = 'not used here, since istio.configuration is keep';
  const lacking = Object.values(inputs.lacking ?? {});
  if (lacking.length > 0) return lacking.map((sentence) => `${sentence} (${notUsed})`);
  try {
    renderVmFiles(inputs, local, { binaryPath: BINARY_PATH });
    return [];
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return [`${describeError(error)} (${notUsed})`];
  }
}

/** The configuration of an adopted release: the machine's own, and what lets Istio run from the release's folder. */
export function adoptedConfiguration(
  own: ReleaseConfiguration,
  activeLink: string,
  names: OwnFileNames,
): ReleaseConfiguration {
  const change = { binaryPath: BINARY_PATH, local: NO_LOCAL_CONFIGURATION, names };
  return withOwnLines(keepConfiguration(own, change), activeLink);
}

/** Idempotent. cluster.env is read after sidecar.env: if it sets the flags too, it needs the flag as well. */
function withOwnLines(configuration: ReleaseConfiguration, activeLink: string): ReleaseConfiguration {
  const mesh = `${activeLink}/${RELEASE_FILES.mesh}`;
  const setsFlags = lastMention(readEnvText(configuration.clusterEnv).entries, 'ISTIO_AGENT_FLAGS') !== undefined;
  const clusterEnv = setsFlags ? withMeshConfigFlag(configuration.clusterEnv, mesh) : configuration.clusterEnv;
  return {
    ...configuration,
    sidecarEnv: withMeshConfigFlag(configuration.sidecarEnv, mesh),
    clusterEnv: withGroupExcluded(clusterEnv, AGENT_GROUP),
  };
}

async function moveTo(request: NextConfigurationRequest): Promise<Move> {
  const addresses = controlPlaneAddresses(request.inputs, request.local);
  const { discoveryAddress, caAddress } = addresses;
  return { discoveryAddress, caAddress, hosts: await hostsOf(addresses, request) };
}

/**
 * A gateway with a host name instead of an address is resolved here (istioctl leaves the line out). A name may have
 * several addresses, in another order at each look, and that must not make another release: an address that is in use
 * is kept, also if it is in use for the istiod of another revision, which is behind the same gateway.
 */
async function hostsOf(
  rendered: Pick<VmFiles, 'hosts' | 'gatewayHostname' | 'istiodHost'>,
  { resolve, knownHosts }: NextConfigurationRequest,
): Promise<string> {
  if (rendered.gatewayHostname === null) return rendered.hosts;
  const lines = knownHosts.map((line) => line.trim().split(/\s+/));
  const known = new Set(lines.map(([address]) => address));
  let addresses: string[];
  try {
    addresses = await resolve(rendered.gatewayHostname);
  } catch (cause) {
    const [address] = lines.find(([, host]) => host === rendered.istiodHost) ?? [];
    if (address !== undefined) return hostsLine(address, rendered.istiodHost);
    const message = `cannot resolve the gateway's host name ${rendered.gatewayHostname}`;
    throw new AgentError('SMM308', `${message}: ${describeError(cause)}`, 'check the DNS of this machine', { cause });
  }
  const address = addresses.find((candidate) => known.has(candidate)) ?? addresses[0];
  return address === undefined ? '' : hostsLine(address, rendered.istiodHost);
}
