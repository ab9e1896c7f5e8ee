/**
 * What makes the API server a cluster with Istio on it: CRDs, namespaces, and the objects that an installation of istiod consists of
 * as far as anyone reads them. No controller manager runs, so a test writes what controllers would: statuses and default accounts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kube, KubeObject } from './kube.ts';
import { CONTROL_PLANE_ADDRESS } from './network.ts';
import { until } from './until.ts';

export const ISTIO_NAMESPACE = 'istio-system';
export const CLUSTER_NAME = 'Kubernetes';

/** The mesh config of the revision; istiod runs with the same. `defaultProviders: {}`: a plain Envoy has none of Istio's own filters. */
export function meshConfig(revision: string): KubeObject {
  return {
    defaultProviders: {},
    trustDomain: 'cluster.local',
    defaultConfig: {
      discoveryAddress: `${istiodHost(revision)}:15012`,
      meshId: 'lab-mesh',
      proxyMetadata: {},
    },
  };
}

/** `default` is the installation without a revision: its names have no suffix. */
export function suffix(revision: string): string {
  return revision === 'default' ? '' : `-${revision}`;
}

export function istiodHost(revision: string): string {
  return `istiod${suffix(revision)}.${ISTIO_NAMESPACE}.svc`;
}

export async function installCrds(kube: Kube, istioModuleDir: string): Promise<void> {
  const text = readFileSync(join(istioModuleDir, 'manifests/charts/base/files/crd-all.gen.yaml'), 'utf8');
  const documents = text.split(/^---$/m).filter((document) => /^kind:/m.test(document));
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const made = await Promise.all(documents.map((document) => kube.kube('POST', path, document, 'application/yaml')));
  for (const crd of made) {
    await until(
      `the CRD ${crd.metadata.name} to be served`,
      () => kube.kube('GET', `${path}/${crd.metadata.name}`),
      30_000,
      isEstablished,
    );
  }
}

function isEstablished(crd: KubeObject): boolean {
  const conditions: KubeObject[] = crd.status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
}

/** With its account `default`, which the account controller would make. */
export async function makeNamespace(
  kube: Kube,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  await kube.applyObjects([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } },
  ]);
}

/** The objects of one istiod: ConfigMaps, Service, and a Deployment that is rolled out. */
export async function installRevision(kube: Kube, revision: string, version: string): Promise<void> {
  const metadata = (name: string): KubeObject => ({
    name: `${name}${suffix(revision)}`,
    namespace: ISTIO_NAMESPACE,
    labels: revisionLabels(revision),
  });
  await kube.applyObjects([
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('istio'),
      data: { mesh: JSON.stringify(meshConfig(revision)) },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('istiod'),
      spec: { selector: revisionLabels(revision), ports: [{ name: 'https-dns', port: 15012 }] },
    },
  ]);
  await setInjectorTag(kube, revision, version);
  await setRolledOut(kube, revision, version);
}

export async function setInjectorTag(kube: Kube, revision: string, tag: string): Promise<void> {
  const values = {
    global: {
      hub: 'docker.io/istio',
      tag,
      multiCluster: { clusterName: CLUSTER_NAME },
      istioNamespace: ISTIO_NAMESPACE,
    },
    revision,
  };
  await kube.applyObjects([
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: `istio-sidecar-injector${suffix(revision)}`,
        namespace: ISTIO_NAMESPACE,
        labels: revisionLabels(revision),
      },
      data: { values: JSON.stringify(values), config: 'policy: enabled\n' },
    },
  ]);
}

/** The Deployment of this revision with this version, as it stands when every replica is replaced. */
export async function setRolledOut(kube: Kube, revision: string, version: string): Promise<void> {
  const generation = await setDeployment(kube, revision, version);
  await setDeploymentStatus(kube, revision, {
    observedGeneration: generation,
    replicas: 1,
    updatedReplicas: 1,
    readyReplicas: 1,
    availableReplicas: 1,
  });
}

/** Changes the Deployment and leaves its status alone: an upgrade of the control plane that is under way. Returns the generation. */
export async function setDeployment(kube: Kube, revision: string, version: string): Promise<number> {
  const labels = { ...revisionLabels(revision), 'app.kubernetes.io/version': version };
  const metadata = { name: `istiod${suffix(revision)}`, namespace: ISTIO_NAMESPACE, labels };
  const template = {
    metadata: { labels: revisionLabels(revision) },
    spec: { containers: [{ name: 'discovery', image: `docker.io/istio/pilot:${version}` }] },
  };
  const spec = { replicas: 1, selector: { matchLabels: revisionLabels(revision) }, template };
  await kube.applyObjects([{ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec }]);
  const made = await kube.kube('GET', `/apis/apps/v1/namespaces/${ISTIO_NAMESPACE}/deployments/${metadata.name}`);
  return made.metadata.generation;
}

export async function setDeploymentStatus(kube: Kube, revision: string, status: KubeObject): Promise<void> {
  const path = `/apis/apps/v1/namespaces/${ISTIO_NAMESPACE}/deployments/istiod${suffix(revision)}/status`;
  await kube.kube('PATCH', path, { status }, 'application/merge-patch+json');
}

/** The two ways in which a tag points to a revision. */
export async function setTag(kube: Kube, tag: string, revision: string, how: 'service' | 'webhook'): Promise<void> {
  const labels = { 'istio.io/tag': tag, 'istio.io/rev': revision };
  await kube.applyObjects([
    how === 'service'
      ? {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: `istiod-revision-tag-${tag}`, namespace: ISTIO_NAMESPACE, labels },
          spec: { selector: revisionLabels(revision), ports: [{ name: 'https-dns', port: 15012 }] },
        }
      : {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'MutatingWebhookConfiguration',
          metadata: { name: `istio-revision-tag-${tag}`, labels },
          webhooks: [],
        },
  ]);
}

/** The gateway through which machines reach every istiod. */
export async function setGateway(
  kube: Kube,
  ingress: readonly KubeObject[] = [{ ip: CONTROL_PLANE_ADDRESS }],
): Promise<void> {
  await kube.applyObjects([
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'istio-eastwestgateway', namespace: ISTIO_NAMESPACE, labels: { istio: 'eastwestgateway' } },
      spec: { type: 'LoadBalancer', ports: [{ name: 'tls-istiod', port: 15012 }] },
      status: { loadBalancer: { ingress } },
    },
  ]);
}

function revisionLabels(revision: string): Record<string, string> {
  return { app: 'istiod', 'istio.io/rev': revision };
}
