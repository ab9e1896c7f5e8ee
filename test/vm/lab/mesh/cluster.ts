/**
 * What makes the API server a cluster with Istio on it: CRDs, namespaces, and the objects that an installation of
 * istiod consists of as far as anyone reads them. No controller manager runs, so a test writes what controllers would:
 * statuses and default accounts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTROL_PLANE_ADDRESS } from '../host/network.ts';
import { until } from '../until.ts';
import type { Kube, KubeObject } from './kube.ts';

export const ISTIO_NAMESPACE = 'istio-system';
export const CLUSTER_NAME = 'Kubernetes';

/**
 * The mesh config of the revision; istiod runs with the same. `defaultProviders: {}`: a plain Envoy has none of Istio's
 * own filters.
 */
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
