/**
 * The schema of Istio's ProxyConfig (Istio 1.31), and of the
 * part of a WorkloadGroup that a VM's configuration is made of.
 */
import proxyConfig from './proxyconfig-schema.json' with { type: 'json' };

/** One field of a message. `json` is its name in camelCase, `name` the one in snake_case. */
export interface Field {
  name: string;
  json: string;
  kind: 'string' | 'bool' | 'int32' | 'uint32' | 'double' | 'enum' | 'message';
  /** The message's or the enum's full name. */
  type?: string;
  card?: 'list' | 'map';
  /** Members of one oneof carry the same name here: at most one of them is set. */
  oneof?: string;
}

export const PROXY_CONFIG = 'istio.mesh.v1alpha1.ProxyConfig';
export const WORKLOAD_GROUP = 'istio.networking.v1alpha3.WorkloadGroup';
export const MESH_CONFIG = 'istio.mesh.v1alpha1.MeshConfig';

const LABELS: Field = { name: 'labels', json: 'labels', kind: 'string', card: 'map' };
const ANNOTATIONS: Field = { name: 'annotations', json: 'annotations', kind: 'string', card: 'map' };

/**
 * Only the fields that are used. Others are dropped unread:
 * istioctl reports errors in them, and the agent does not need to.
 */
const PARTS: Record<string, readonly Field[]> = {
  [MESH_CONFIG]: [
    { name: 'default_config', json: 'defaultConfig', kind: 'message', type: PROXY_CONFIG },
    { name: 'trust_domain', json: 'trustDomain', kind: 'string' },
  ],
  [WORKLOAD_GROUP]: [
    { name: 'metadata', json: 'metadata', kind: 'message', type: 'WorkloadGroup.ObjectMeta' },
    { name: 'template', json: 'template', kind: 'message', type: 'WorkloadEntry' },
    { name: 'probe', json: 'probe', kind: 'message', type: 'istio.networking.v1alpha3.ReadinessProbe' },
  ],
  'WorkloadGroup.ObjectMeta': [LABELS, ANNOTATIONS],
  WorkloadEntry: [
    { name: 'ports', json: 'ports', kind: 'uint32', card: 'map' },
    LABELS,
    { name: 'network', json: 'network', kind: 'string' },
    { name: 'service_account', json: 'serviceAccount', kind: 'string' },
  ],
};

const MESSAGES: ReadonlyMap<string, readonly Field[]> = new Map([
  ...Object.entries(proxyConfig.messages as Record<string, Field[]>),
  ...Object.entries(PARTS),
]);
const ENUMS: ReadonlyMap<string, Record<string, number>> = new Map(
  Object.entries(proxyConfig.enums as Record<string, Record<string, number>>),
);

/** The fields of a message in the schema's order: of two members of a oneof the later wins. */
export function fieldsOf(message: string): readonly Field[] {
  return MESSAGES.get(message) ?? [];
}

/** Names and numbers of an enum. */
export function enumValues(type: string): ReadonlyMap<string, number> {
  return new Map(Object.entries(ENUMS.get(type) ?? {}));
}
