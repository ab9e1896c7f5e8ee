/**
 * Renders the files of a VM from the control plane's objects: those that `istioctl x workload entry configure` makes of
 * the same objects, without the token. docs/vm-configuration.md says where they differ and why.
 */

import { parseJson } from '../../host/json.ts';
import { isPlainWord } from './env/grammar.ts';
import { gatewayAddress, hostsLine } from './gateway.ts';
import { readGoYaml } from './go/go-yaml.ts';
import { assign, type Message, normalise } from './go/normalise.ts';
import { formatEnv } from './go/quote.ts';
import { MESH_CONFIG, PROXY_CONFIG } from './go/schema.ts';
import type { VmInputs } from './inputs.ts';
import { type LocalConfiguration, NO_LOCAL_CONFIGURATION } from './local.ts';
import { formatMesh } from './mesh-file.ts';
import { invalidField, unusableInput, unusableLocal } from './problem.ts';
import { ownMetadata } from './proxy-metadata.ts';
import {
  acceptedMetadata,
  checkLocalKeys,
  isShellKey,
  type OwnSettings,
  ownSettings,
  refuseAnnotation,
  refuseMetadata,
  refuseValues,
} from './refused.ts';
import { MAX_ANNOTATION_BYTES, readWorkloadGroup, toValue, type WorkloadGroup } from './workload-group.ts';

export interface RenderOptions {
  /**
   * Envoy's path in the mesh file, for example `@release@/bin/envoy`. Without it the mesh file has the mesh's own path.
   */
  binaryPath?: string;
}

export interface VmFiles {
  clusterEnv: string;
  mesh: string;
  /** One line, or empty when the gateway has no IP address. */
  hosts: string;
  rootCert: string;
  /** Set when the gateway has only this: the caller may resolve it and use `hostsLine(ip, istiodHost)`. */
  gatewayHostname: string | null;
  istiodHost: string;
}

export const ISTIOD_PORT = 15012;
const ALWAYS_EXCLUDED_PORTS = '22,15090,15021';

/** Throws an AgentError SMM301 to SMM305 when an object cannot or must not be used; nothing is rendered in part. */
export function renderVmFiles(
  inputs: VmInputs,
  local: LocalConfiguration = NO_LOCAL_CONFIGURATION,
  options: RenderOptions = {},
): VmFiles {
  checkAddresses(inputs);
  checkLocalKeys(local.env);
  const group = readWorkloadGroup(inputs.workloadGroup);
  const istiodHost = istiodHostOf(inputs);
  const config = meshOf(inputs, group, istiodHost, ownSettings(local));
  putLocal(config, local);
  if (options.binaryPath !== undefined) putBinaryPath(config, options.binaryPath, local);
  const env = clusterEnvOf(inputs, group, config, istiodHost);
  refuseValues(env);
  for (const [key, value] of Object.entries(local.env)) env.set(key, value);
  const { ip, hostname } = gatewayAddress(inputs.ingressIP ?? '', inputs.gateway);
  return {
    clusterEnv: formatEnv(env),
    mesh: formatMesh(config),
    hosts: ip === null ? '' : hostsLine(ip, istiodHost),
    rootCert: inputs.rootCert ?? '',
    gatewayHostname: hostname,
    istiodHost,
  };
}

/**
 * The name by which this VM reaches istiod: that of the resolved
 * revision, since istiod's certificate does not name tags.
 */
export function istiodHostOf({ revision, istioNamespace }: VmInputs): string {
  const host = `istiod${isRevisioned(revision) ? `-${revision}` : ''}.${istioNamespace}.svc`;
  if (!isPlainWord(host)) throw unusableInput('the revision or the Istio namespace is not a name');
  return host;
}

/** `defaultConfig`: the mesh's own, then the group's annotations over it, then the group's own settings. */
function meshOf(inputs: VmInputs, group: WorkloadGroup, istiodHost: string, machine: OwnSettings): Message {
  const mesh = normalise(MESH_CONFIG, readGoYaml(inputs.mesh ?? '', 'the mesh configuration'), 'mesh');
  const config = child(mesh, 'defaultConfig');
  refuseMetadata(child(config, 'proxyMetadata'), 'the mesh configuration', machine);
  if (isRevisioned(inputs.revision) && !config.has('discoveryAddress')) {
    config.set('discoveryAddress', `${istiodHost}:${ISTIOD_PORT}`);
  }
  for (const { where, text } of group.proxyConfigs) putAnnotation(config, where, text, machine);
  config.delete('readinessProbe');
  if (group.probe !== undefined) config.set('readinessProbe', group.probe);
  const own = ownMetadata({
    group,
    trustDomain: String(mesh.get('trustDomain') ?? ''),
    clusterName: clusterNameOf(inputs),
    meshId: String(config.get('meshId') ?? ''),
    captureDNS: inputs.captureDNS,
    autoRegister: inputs.autoRegister,
  });
  config.set('proxyMetadata', new Map([...acceptedMetadata(child(config, 'proxyMetadata')), ...own]));
  return config;
}

/** Every field replaces the whole field, except for proxyMetadata, which is merged by key. */
function putAnnotation(config: Message, where: string, text: string, machine: OwnSettings): void {
  const value = readGoYaml(text, where, MAX_ANNOTATION_BYTES);
  const parsed = normalise(PROXY_CONFIG, value, where);
  const overridden = refuseAnnotation(parsed, where, machine);
  refuseMetadata(child(parsed, 'proxyMetadata'), where, machine);
  putOver(config, value, where);
  for (const field of overridden) config.delete(field);
}

/** The operator's own file: no key is refused, but a field that Istio does not know is an error. */
function putLocal(config: Message, { mesh }: LocalConfiguration): void {
  const value = toValue(mesh);
  const parsed = normalise(PROXY_CONFIG, value, 'istio.mesh', 'reject');
  for (const key of child(parsed, 'proxyMetadata').keys()) {
    if (!isShellKey(key))
      throw unusableLocal(`istio.mesh.proxyMetadata.${key}`, 'it is not the name of a shell variable');
  }
  putOver(config, value, 'istio.mesh');
}

function putOver(config: Message, value: ReturnType<typeof toValue>, where: string): void {
  const before = child(config, 'proxyMetadata');
  assign(config, PROXY_CONFIG, value, where);
  config.set('proxyMetadata', new Map([...before, ...child(config, 'proxyMetadata')]));
}

function putBinaryPath(config: Message, binaryPath: string, local: LocalConfiguration): void {
  if (normalise(PROXY_CONFIG, toValue(local.mesh), 'istio.mesh').has('binaryPath')) {
    throw unusableLocal('istio.mesh.binaryPath', 'Istio would keep another Envoy than that of its release');
  }
  config.set('binaryPath', binaryPath);
}

/** Every key of proxyMetadata, unknown ones too, overridden by the settings of the group and the machine. */
function clusterEnvOf(
  inputs: VmInputs,
  group: WorkloadGroup,
  config: Message,
  istiodHost: string,
): Map<string, string> {
  const internalIP = inputs.internalIP ?? '';
  const externalIP = inputs.externalIP ?? '';
  const address = internalIP || externalIP;
  return new Map<string, string>([
    ...(child(config, 'proxyMetadata') as Map<string, string>),
    ['ISTIO_INBOUND_PORTS', group.ports.map(([, port]) => port).join(',') || '*'],
    ['ISTIO_NAMESPACE', group.namespace],
    ['ISTIO_SERVICE', `${group.name}.${group.namespace}`],
    ['ISTIO_SERVICE_CIDR', '*'],
    ['ISTIO_LOCAL_EXCLUDE_PORTS', excludedPorts(Number(config.get('statusPort') ?? 0))],
    ['SERVICE_ACCOUNT', group.serviceAccount],
    ...(isRevisioned(inputs.revision) ? [['CA_ADDR', `${istiodHost}:${ISTIOD_PORT}`] as const] : []),
    ...(address === '' ? [] : [['ISTIO_SVC_IP', address] as const]),
    ...(externalIP === '' ? [] : [['REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION', 'true'] as const]),
  ]);
}

function excludedPorts(statusPort: number): string {
  if (statusPort === 15090 || statusPort === 15021) return ALWAYS_EXCLUDED_PORTS;
  return `${ALWAYS_EXCLUDED_PORTS},${statusPort === 0 ? 15020 : statusPort}`;
}

function clusterNameOf({ clusterID, injectorValues }: VmInputs): string {
  if (clusterID !== null && clusterID !== undefined) return clusterID;
  const values = parseJson(injectorValues ?? '');
  if (values instanceof Error) throw unusableInput("the injector's values are missing or not JSON", { cause: values });
  if (typeof values !== 'object' || Array.isArray(values))
    throw unusableInput("the injector's values are not an object");
  let name = toValue(values);
  for (const key of ['global', 'multiCluster', 'clusterName'])
    name = name instanceof Map ? (name.get(key) ?? null) : null;
  return typeof name === 'string' ? name : '';
}

function checkAddresses({ internalIP, externalIP }: VmInputs): void {
  if (internalIP && externalIP) throw invalidField('externalIP', 'give either an internal or an external IP');
}

export function isRevisioned(revision: string | null | undefined): boolean {
  return revision !== null && revision !== undefined && revision !== '' && revision !== 'default';
}

/** The message or map in a field; a new one if there is none. */
function child(message: Message, field: string): Message {
  const value = message.get(field);
  return value instanceof Map ? value : new Map();
}
