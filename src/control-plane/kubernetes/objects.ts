/**
 * The parts of Kubernetes' and Istio's objects that the agent reads, and where they lie. Everything else is dropped.
 */
import { z } from 'zod';
import type { Resource } from './resource.ts';

export const Metadata = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().default(''),
  resourceVersion: z.string().default(''),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});
export const WithMetadata = z.object({ metadata: Metadata });

export const Deployment = z.object({
  metadata: Metadata.extend({ generation: z.number().default(0) }),
  spec: z.object({
    replicas: z.number().int().default(1),
    template: z.object({
      spec: z.object({ containers: z.array(z.object({ name: z.string(), image: z.string().default('') })) }),
    }),
  }),
  status: z
    .object({
      observedGeneration: z.number().default(0),
      replicas: z.number().default(0),
      updatedReplicas: z.number().default(0),
      availableReplicas: z.number().default(0),
    })
    .prefault({}),
});
export type Deployment = z.infer<typeof Deployment>;

export const ConfigMap = z.object({ data: z.record(z.string(), z.string()).default({}) });

/** Kept whole except for managedFields: the VM's configuration is rendered from it, and the rendering checks it. */
export const Whole = z.record(z.string(), z.unknown()).transform((object) => {
  const { managedFields: _, ...metadata } = (object.metadata ?? {}) as Record<string, unknown>;
  return { ...object, metadata };
});

export const MutatingWebhook = WithMetadata.extend({
  webhooks: z
    .array(
      z.object({ clientConfig: z.object({ service: z.object({ namespace: z.string() }).optional() }).prefault({}) }),
    )
    .default([]),
});
export type MutatingWebhook = z.infer<typeof MutatingWebhook>;

/**
 * Of Service Mesh Manager's IstioControlPlane and of Sail's
 * IstioRevision alike. Its status can be stale and is not read.
 */
export const WithVersion = WithMetadata.extend({ spec: z.object({ version: z.string().optional() }).prefault({}) });

const core = (plural: string, namespace: string, name?: string): Resource => ({
  group: '',
  version: 'v1',
  plural,
  namespace,
  ...(name === undefined ? {} : { name }),
});

export const resources = {
  // No `namespace` in the path. For rights, a Namespace lies in itself, so that a Role can grant it.
  namespace: (name: string): Resource => ({ group: '', version: 'v1', plural: 'namespaces', name }),
  configMap: (namespace: string, name: string) => core('configmaps', namespace, name),
  service: (namespace: string, name: string) => core('services', namespace, name),
  services: (namespace: string) => core('services', namespace),
  deployment: (namespace: string, name: string): Resource => ({ ...resources.deployments(namespace), name }),
  deployments: (namespace: string): Resource => ({ group: 'apps', version: 'v1', plural: 'deployments', namespace }),
  mutatingWebhooks: (): Resource => ({
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'mutatingwebhookconfigurations',
  }),
  validatingWebhook: (name: string): Resource => ({
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'validatingwebhookconfigurations',
    name,
  }),
  istioControlPlanes: (namespace: string): Resource => ({
    group: 'servicemesh.cisco.com',
    version: 'v1alpha1',
    plural: 'istiocontrolplanes',
    namespace,
  }),
  istioRevision: (name: string): Resource => ({
    group: 'sailoperator.io',
    version: 'v1',
    plural: 'istiorevisions',
    name,
  }),
  workloadGroup: (version: string, namespace: string, name: string): Resource => ({
    group: 'networking.istio.io',
    version,
    plural: 'workloadgroups',
    namespace,
    name,
  }),
  workloadEntries: (version: string, namespace: string): Resource => ({
    group: 'networking.istio.io',
    version,
    plural: 'workloadentries',
    namespace,
  }),
  workloadEntry: (version: string, namespace: string, name: string): Resource => ({
    ...resources.workloadEntries(version, namespace),
    name,
  }),
  leases: (namespace: string): Resource => ({
    group: 'coordination.k8s.io',
    version: 'v1',
    plural: 'leases',
    namespace,
  }),
  lease: (namespace: string, name: string): Resource => ({ ...resources.leases(namespace), name }),
};
