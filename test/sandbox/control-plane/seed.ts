/** Typical objects of a mesh, as its installers write them. */
import type { KubeObject } from './object.ts';

export interface Revision {
  /** `default` is the unrevisioned install. */
  name: string;
  version: string;
  namespace?: string;
  /** The image; by default `docker.io/istio/pilot:<version>`. */
  image?: string;
  /** `app.kubernetes.io/version`; null for an Istio before 1.24, which has no such label. */
  versionLabel?: string | null;
  /** `global.tag` in the values of the injector; null for none. */
  injectorTag?: string | null;
  /** The suffix of object names if it is not the revision. */
  suffix?: string;
}

export const ISTIO_SYSTEM = 'istio-system';

/** A namespace, with the root certificate that istiod puts into each namespace. */
export function namespace(name: string, labels: Record<string, string> = {}): KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio-ca-root-cert', namespace: name, labels: { 'istio.io/config': 'true' } },
      data: { 'root-cert.pem': '-----BEGIN CERTIFICATE-----\nc2FuZGJveA==\n-----END CERTIFICATE-----\n' },
    },
  ];
}

/** ConfigMap smm-agent for the agents of a revision; for all agents if `suffix` is empty. */
export function agentPolicy(data: Record<string, string>, where = ISTIO_SYSTEM, suffix = ''): KubeObject {
  const name = suffix === '' ? 'smm-agent' : `smm-agent-${suffix}`;
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: where }, data };
}

/** A complete istiod with the ConfigMaps `istio` and `istio-sidecar-injector` of its revision. */
export function controlPlane(revision: Revision): KubeObject[] {
  const { name, version, namespace: where = ISTIO_SYSTEM, injectorTag = version } = revision;
  const suffix = revision.suffix ?? (name === 'default' ? '' : name);
  const named = (base: string) => (suffix === '' ? base : `${base}-${suffix}`);
  const host = `${named('istiod')}.${where}.svc`;
  const values = { global: { tag: injectorTag, multiCluster: { clusterName: 'Kubernetes' }, network: '' } };
  const configMap = (of: string, data: Record<string, string>): KubeObject => {
    const metadata = { name: named(of), namespace: where, labels: { 'istio.io/rev': name } };
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
  };
  const mesh = `defaultConfig:\n  discoveryAddress: ${host}:15012\n  proxyMetadata: {}\ntrustDomain: cluster.local\n`;
  return [
    istiod(revision),
    configMap('istio', { mesh, meshNetworks: 'networks: {}' }),
    // The real value has some 90 KB, nearly all of them a template that the agent does not use.
    configMap('istio-sidecar-injector', { config: '# template\n'.repeat(8000), values: JSON.stringify(values) }),
  ];
}

/** The Deployment of istiod, with a status, because no controller rolls it out here. */
export function istiod(revision: Revision, replicas = 1): KubeObject {
  const {
    name,
    version,
    namespace: where = ISTIO_SYSTEM,
    image = `docker.io/istio/pilot:${version}`,
    versionLabel = version,
  } = revision;
  const suffix = revision.suffix ?? (name === 'default' ? '' : name);
  const labels = { app: 'istiod', 'istio.io/rev': name, istio: 'pilot', 'app.kubernetes.io/name': 'istiod' };
  const described = versionLabel === null ? labels : { ...labels, 'app.kubernetes.io/version': versionLabel };
  const container = {
    name: 'discovery',
    image,
    args: ['discovery', '--domain', 'cluster.local'],
    env: [{ name: 'REVISION', value: name }],
  };
  const template = { metadata: { labels: described }, spec: { containers: [container] } };
  const metadata = { name: suffix === '' ? 'istiod' : `istiod-${suffix}`, namespace: where, labels: described };
  const spec = { replicas, selector: { matchLabels: { app: 'istiod', 'istio.io/rev': name } }, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec, status: rolledOut(1, replicas) };
}

/** The status of a Deployment after all replicas are there. */
export function rolledOut(observedGeneration: number, replicas = 1): Record<string, unknown> {
  return {
    observedGeneration,
    replicas,
    updatedReplicas: replicas,
    readyReplicas: replicas,
    availableReplicas: replicas,
  };
}

/** A revision tag of Istio 1.28 and later: a Service. */
export function tagService(tag: string, revision: string, where = ISTIO_SYSTEM): KubeObject {
  const labels = { 'istio.io/tag': tag, 'istio.io/rev': revision, app: 'istiod' };
  const ports = [{ name: 'https-webhook', port: 443, targetPort: 15017 }];
  const spec = { ports, selector: { app: 'istiod', 'istio.io/rev': revision } };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `istiod-revision-tag-${tag}`, namespace: where, labels },
    spec,
  };
}

/** A revision tag of any Istio: a webhook. */
export function tagWebhook(tag: string, revision: string, where = ISTIO_SYSTEM): KubeObject {
  const labels = { 'istio.io/tag': tag, 'istio.io/rev': revision, app: 'sidecar-injector' };
  const service = { name: `istiod-${revision}`, namespace: where, path: '/inject' };
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: `istio-revision-tag-${tag}${where === ISTIO_SYSTEM ? '' : `-${where}`}`, labels },
    webhooks: [webhook({ service, caBundle: '' })],
  };
}

/** The validation webhook of the unrevisioned install, which names the default revision. */
export function defaultValidator(revision: string): KubeObject {
  const service = { name: 'istiod', namespace: ISTIO_SYSTEM, path: '/validate' };
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'istiod-default-validator', labels: { app: 'istiod', 'istio.io/rev': revision } },
    webhooks: [webhook({ service })],
  };
}

function webhook(clientConfig: object): object {
  // It matches no object: on a real API server, a webhook without a server would block the test.
  const rules = [
    { apiGroups: ['sandbox.invalid'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['nothing'] },
  ];
  const fixed = {
    name: 'webhook.istio.io',
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    failurePolicy: 'Ignore',
  };
  return { ...fixed, clientConfig, rules };
}

/** The object of Service Mesh Manager for a control plane. `name` may have dots. */
export function istioControlPlane(name: string, where: string, version: string): KubeObject {
  const metadata = { name, namespace: where };
  return {
    apiVersion: 'servicemesh.cisco.com/v1alpha1',
    kind: 'IstioControlPlane',
    metadata,
    spec: { version, mode: 'ACTIVE' },
  };
}

/** The object of Sail for a revision. */
export function istioRevision(name: string, version: string): KubeObject {
  const spec = { version, namespace: ISTIO_SYSTEM, type: 'Local' };
  return { apiVersion: 'sailoperator.io/v1', kind: 'IstioRevision', metadata: { name }, spec };
}

export function gateway(ip: string, where = ISTIO_SYSTEM): KubeObject {
  const spec = {
    type: 'LoadBalancer',
    ports: [{ name: 'tls-istiod', port: 15012 }],
    selector: { istio: 'eastwestgateway' },
  };
  const status = { loadBalancer: { ingress: [{ ip }] } };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'istio-eastwestgateway', namespace: where },
    spec,
    status,
  };
}

export function workloadGroup(where: string, name: string, labels: Record<string, string> = { app: name }): KubeObject {
  const spec = { metadata: { labels }, template: { serviceAccount: name, ports: { http: 8080 } } };
  return { apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', metadata: { name, namespace: where }, spec };
}

/** A WorkloadEntry as istiod registers it. */
export function autoRegisteredEntry(where: string, group: string, address: string, name?: string): KubeObject {
  const annotations = { 'istio.io/autoRegistrationGroup': group, 'istio.io/workloadController': 'istiod-0' };
  const metadata = {
    name: name ?? `${group}-${address.replaceAll(':', '-')}`,
    namespace: where,
    labels: { app: group },
    annotations,
  };
  const spec = { address, labels: { app: group }, serviceAccount: group };
  return { apiVersion: 'networking.istio.io/v1', kind: 'WorkloadEntry', metadata, spec };
}

/** A WorkloadEntry that an administrator has written. */
export function handMadeEntry(
  where: string,
  name: string,
  address: string,
  specLabels: Record<string, string>,
  labels: Record<string, string> = {},
): KubeObject {
  const metadata = { name, namespace: where, labels };
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata,
    spec: { address, labels: specLabels },
  };
}

/**
 * A CustomResourceDefinition without a schema: for the kinds of Service Mesh Manager and Sail, and here also of Istio.
 */
function definition(group: string, kind: string, plural: string, versions: string[], scope = 'Namespaced'): KubeObject {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const version = (name: string, index: number) => ({
    name,
    served: true,
    storage: index === 0,
    schema,
    subresources: { status: {} },
  });
  const names = { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` };
  const metadata = { name: `${plural}.${group}` };
  const spec = { group, scope, names, versions: versions.map(version) };
  return { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec };
}

/** The CustomResourceDefinitions of Istio, in the versions that a cluster serves. */
export function istioDefinitions(versions = ['v1', 'v1beta1', 'v1alpha3']): KubeObject[] {
  return [
    definition('networking.istio.io', 'WorkloadGroup', 'workloadgroups', versions),
    definition('networking.istio.io', 'WorkloadEntry', 'workloadentries', versions),
  ];
}

export const serviceMeshManagerDefinition = () =>
  definition('servicemesh.cisco.com', 'IstioControlPlane', 'istiocontrolplanes', ['v1alpha1']);
export const sailDefinition = () => definition('sailoperator.io', 'IstioRevision', 'istiorevisions', ['v1'], 'Cluster');
