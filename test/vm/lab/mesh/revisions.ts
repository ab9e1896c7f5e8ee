/**
 * An istiod as the API server knows it: what the agent reads to learn a revision's version, and what changes while it
 * is upgraded. The program that serves the machines is another matter (istiod.ts), and stays as it is.
 */
import { CLUSTER_NAME, ISTIO_NAMESPACE, meshConfig, suffix } from './cluster.ts';
import type { Kube, KubeObject } from './kube.ts';

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

/**
 * Changes the Deployment and leaves its status alone: an upgrade of the control plane that is under way. Returns the
 * generation.
 */
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

async function setDeploymentStatus(kube: Kube, revision: string, status: KubeObject): Promise<void> {
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

function revisionLabels(revision: string): Record<string, string> {
  return { app: 'istiod', 'istio.io/rev': revision };
}
