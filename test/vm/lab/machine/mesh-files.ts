/**
 * The files that `istioctl x workload entry configure` makes for a group of the lab: as much of them as its groups
 * need.
 */
import { CLUSTER_NAME, istiodHost, meshConfig } from '../mesh/cluster.ts';
import type { Revision } from '../mesh/istiod.ts';
import type { KubeObject } from '../mesh/kube.ts';

/** Where the workload listens: the group's only port. */
export const BACKEND_PORT = 8080;

export interface MeshMembership {
  readonly namespace: string;
  readonly group: string;
  readonly revision: Revision;
}

export function proxyConfig(membership: MeshMembership): KubeObject {
  const { defaultConfig } = meshConfig(membership.revision);
  const probe = { periodSeconds: 1, httpGet: { path: '/', port: BACKEND_PORT } };
  return { ...defaultConfig, readinessProbe: probe, proxyMetadata: proxyMetadata(membership) };
}

function proxyMetadata({ namespace, group }: MeshMembership): Record<string, string> {
  const labels = {
    app: group,
    'service.istio.io/canonical-name': group,
    'service.istio.io/canonical-revision': 'latest',
  };
  return {
    CANONICAL_SERVICE: group,
    CANONICAL_REVISION: 'latest',
    POD_NAMESPACE: namespace,
    SERVICE_ACCOUNT: group,
    TRUST_DOMAIN: 'cluster.local',
    ISTIO_META_CLUSTER_ID: CLUSTER_NAME,
    ISTIO_META_MESH_ID: 'lab-mesh',
    ISTIO_META_NETWORK: '',
    ISTIO_META_POD_PORTS: JSON.stringify([{ name: 'http', containerPort: BACKEND_PORT, protocol: '' }]),
    ISTIO_META_WORKLOAD_NAME: group,
    ISTIO_METAJSON_LABELS: JSON.stringify(labels),
    ISTIO_META_DNS_CAPTURE: 'true',
    ISTIO_META_AUTO_REGISTER_GROUP: group,
  };
}

export function clusterEnv(membership: MeshMembership, address: string): string {
  const { namespace, group, revision } = membership;
  const variables: Record<string, string> = {
    ...proxyMetadata(membership),
    ISTIO_INBOUND_PORTS: String(BACKEND_PORT),
    ISTIO_NAMESPACE: namespace,
    ISTIO_SERVICE: `${group}.${namespace}`,
    ISTIO_SERVICE_CIDR: '*',
    ISTIO_LOCAL_EXCLUDE_PORTS: '22,15090,15021,15020',
    ISTIO_SVC_IP: address,
    ...(revision === 'default' ? {} : { CA_ADDR: `${istiodHost(revision)}:15012` }),
  };
  const lines = Object.entries(variables).map(([key, value]) => `${key}='${value}'`);
  return `${lines.sort().join('\n')}\n`;
}
