/**
 * The kinds that the embedded API server knows: the built-in kinds that the agent uses, and the kinds of CRDs created
 * in it.
 */
import type { KubeObject } from './object.ts';

export interface Kind {
  group: string;
  versions: readonly string[];
  plural: string;
  kind: string;
  namespaced: boolean;
  /** Whether the kind has a status subresource. */
  status: boolean;
  /** Whether it is a custom resource: these refuse an update without resourceVersion. */
  custom: boolean;
}

const builtIn = (group: string, plural: string, kind: string, namespaced: boolean, status = false): Kind => {
  return { group, versions: ['v1'], plural, kind, namespaced, status, custom: false };
};

const BUILT_IN: readonly Kind[] = [
  builtIn('', 'namespaces', 'Namespace', false, true),
  builtIn('', 'configmaps', 'ConfigMap', true),
  builtIn('', 'secrets', 'Secret', true),
  builtIn('', 'services', 'Service', true, true),
  builtIn('', 'serviceaccounts', 'ServiceAccount', true),
  builtIn('apps', 'deployments', 'Deployment', true, true),
  builtIn('coordination.k8s.io', 'leases', 'Lease', true),
  builtIn('admissionregistration.k8s.io', 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration', false),
  builtIn('admissionregistration.k8s.io', 'validatingwebhookconfigurations', 'ValidatingWebhookConfiguration', false),
  builtIn('admissionregistration.k8s.io', 'validatingadmissionpolicies', 'ValidatingAdmissionPolicy', false),
  builtIn(
    'admissionregistration.k8s.io',
    'validatingadmissionpolicybindings',
    'ValidatingAdmissionPolicyBinding',
    false,
  ),
  builtIn('rbac.authorization.k8s.io', 'roles', 'Role', true),
  builtIn('rbac.authorization.k8s.io', 'rolebindings', 'RoleBinding', true),
  builtIn('rbac.authorization.k8s.io', 'clusterroles', 'ClusterRole', false),
  builtIn('rbac.authorization.k8s.io', 'clusterrolebindings', 'ClusterRoleBinding', false),
  builtIn('apiextensions.k8s.io', 'customresourcedefinitions', 'CustomResourceDefinition', false, true),
];

interface CustomResourceDefinition {
  group: string;
  scope: string;
  names: { plural: string; kind: string };
  versions: { name: string; served: boolean; subresources?: { status?: object } }[];
}

/** All kinds, with the given CustomResourceDefinitions. */
export function kindsWith(definitions: readonly KubeObject[]): Kind[] {
  const custom = definitions.map(({ spec }) => {
    const { group, scope, names, versions } = spec as unknown as CustomResourceDefinition;
    const served = versions.filter((version) => version.served);
    return {
      group,
      ...names,
      versions: served.map(({ name }) => name),
      namespaced: scope === 'Namespaced',
      status: served.some(({ subresources }) => subresources?.status !== undefined),
      custom: true,
    };
  });
  return [...BUILT_IN, ...custom];
}
