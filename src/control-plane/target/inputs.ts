/**
 * Reads the objects from which the VM's configuration is rendered.
 * They may be hostile: the rendering refuses what it must.
 */
import type { VmInputs } from '../../istio/configuration/inputs.ts';
import type { ObjectCache } from '../kubernetes/cache.ts';
import { ConfigMap, resources, Whole } from '../kubernetes/objects.ts';
import type { Resource } from '../kubernetes/resource.ts';
import type { Resolved } from './resolve.ts';
import type { Target } from './target.ts';

/** This machine's own part of its configuration. */
export interface Machine {
  /** The WorkloadGroup that it belongs to. */
  group: { namespace: string; name: string };
  /** Its address in the mesh, null when the operator pinned none. */
  nodeIp: string | null;
  /**
   * It keeps its own configuration: objects that only a rendering needs may be absent (istio-csr,
   * omitSidecarInjectorConfigMap). Default: false.
   */
  keeps?: boolean;
}

type Unusable = Extract<Target, { answer: 'missing' | 'ambiguous' }>;

export async function readInputs(
  cache: ObjectCache,
  { revision, place }: Resolved,
  asked: string,
  istioApi: string,
  { group, nodeIp, keeps = false }: Machine,
  fresh: boolean,
): Promise<VmInputs | Unusable> {
  const name = (base: string) => (place.suffix === '' ? base : `${base}-${place.suffix}`);
  const configMap = (namespace: string, of: string) =>
    cache.object(resources.configMap(namespace, of), ConfigMap, fresh);
  const workloadGroup = await cache.object(
    resources.workloadGroup(istioApi, group.namespace, group.name),
    Whole,
    fresh,
  );
  if (workloadGroup === null) return missing(`WorkloadGroup ${group.name} is not in namespace ${group.namespace}`);
  const own = labelOf(workloadGroup, 'istio.io/rev');
  if (own !== undefined && own !== asked && own !== revision) {
    const reason =
      `WorkloadGroup ${group.name} has the label istio.io/rev=${own}, but its namespace asks for ${asked}: ` +
      'the istiod of the namespace ignores the group';
    return { answer: 'ambiguous', reason };
  }
  const mesh = await configMap(place.namespace, name('istio'));
  const injector = await configMap(place.namespace, name('istio-sidecar-injector'));
  const root = await configMap(group.namespace, 'istio-ca-root-cert');
  const absent = (namespace: string, of: string) => `ConfigMap ${of} is not in namespace ${namespace}`;
  const lacking = {
    ...(mesh === null ? { mesh: absent(place.namespace, name('istio')) } : {}),
    ...(injector === null ? { injectorValues: absent(place.namespace, name('istio-sidecar-injector')) } : {}),
    ...(root === null ? { rootCert: `${absent(group.namespace, 'istio-ca-root-cert')}: istiod makes it` } : {}),
  };
  const [first] = Object.values(lacking);
  if (first !== undefined && !keeps) return missing(first);
  const gateway: Resource = resources.service(place.namespace, 'istio-eastwestgateway');
  return {
    workloadGroup,
    lacking,
    mesh: mesh?.data.mesh ?? null,
    injectorValues: injector?.data.values ?? null,
    rootCert: root?.data['root-cert.pem'] ?? null,
    // A mesh without a gateway for machines outside of it: the hosts line stays empty.
    gateway: await cache.object(gateway, Whole, fresh),
    istioNamespace: place.namespace,
    revision: place.suffix,
    internalIP: nodeIp,
    autoRegister: true,
    captureDNS: true,
  };
}

function labelOf(object: Record<string, unknown>, label: string): string | undefined {
  const metadata = object.metadata as { labels?: Record<string, string> } | undefined;
  return metadata?.labels?.[label];
}

function missing(reason: string): Unusable {
  return { answer: 'missing', reason };
}
