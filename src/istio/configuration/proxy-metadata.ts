/** The keys that istioctl sets in `proxyMetadata` itself, over anything that mesh and annotations say. */
import { compareUtf8 } from './go/quote.ts';
import type { WorkloadGroup } from './workload-group.ts';

export interface MetadataInputs {
  group: WorkloadGroup;
  trustDomain: string;
  clusterName: string;
  meshId: string;
  captureDNS: boolean;
  autoRegister: boolean;
}

const CANONICAL_NAME = 'service.istio.io/canonical-name';
const CANONICAL_REVISION = 'service.istio.io/canonical-revision';

export function ownMetadata(inputs: MetadataInputs): Map<string, string> {
  const { group } = inputs;
  const service = firstLabel(group, CANONICAL_NAME, 'app.kubernetes.io/name', 'app') ?? group.name;
  const revision = firstLabel(group, CANONICAL_REVISION, 'app.kubernetes.io/version', 'version') ?? 'latest';
  const labels = new Map([...group.labels, [CANONICAL_NAME, service], [CANONICAL_REVISION, revision]]);
  return new Map([
    ['CANONICAL_SERVICE', service],
    ['CANONICAL_REVISION', revision],
    ['POD_NAMESPACE', group.namespace],
    ['SERVICE_ACCOUNT', group.serviceAccount],
    ['TRUST_DOMAIN', inputs.trustDomain],
    ['ISTIO_META_CLUSTER_ID', inputs.clusterName],
    ['ISTIO_META_MESH_ID', inputs.meshId],
    ['ISTIO_META_NETWORK', group.network],
    ...(group.ports.length > 0 ? [['ISTIO_META_POD_PORTS', podPorts(group)] as const] : []),
    ['ISTIO_META_WORKLOAD_NAME', group.name],
    ['ISTIO_METAJSON_LABELS', labelsJson(labels)],
    ...(inputs.captureDNS ? [['ISTIO_META_DNS_CAPTURE', 'true'] as const] : []),
    ...(inputs.autoRegister ? [['ISTIO_META_AUTO_REGISTER_GROUP', group.name] as const] : []),
  ]);
}

/** A label with an empty value counts too. */
function firstLabel(group: WorkloadGroup, ...keys: string[]): string | undefined {
  const key = keys.find((candidate) => group.labels.has(candidate));
  return key === undefined ? undefined : group.labels.get(key);
}

/** Go leaves out an empty name. */
function podPorts({ ports }: WorkloadGroup): string {
  const items = ports.map(([name, port]) => {
    const named = name === '' ? '' : `"name":${goJson(name)},`;
    return `{${named}"containerPort":${port},"protocol":""}`;
  });
  return `[${items.join(',')}]`;
}

/** Written by hand: an object would sort keys such as "1" before all others, and lose `__proto__`. */
function labelsJson(labels: ReadonlyMap<string, string>): string {
  const members = [...labels].toSorted(([a], [b]) => compareUtf8(a, b));
  return `{${members.map(([key, value]) => `${goJson(key)}:${goJson(value)}`).join(',')}}`;
}

/** A string as Go's encoding/json writes it. */
function goJson(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
