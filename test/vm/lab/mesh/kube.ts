/** The administrator's hands on the API server: what a test does to the cluster, and what it looks at. */
import type { ApiServer } from './api-server.ts';
import type { Tunnel } from './tunnel.ts';

/** Kubernetes objects are what the API says they are: tests read into them as they need. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type KubeObject = any;

export interface KubeAnswer {
  readonly status: number;
  readonly body: KubeObject;
}

/** Where an object of a kind lives. Only the kinds that tests write; anything else goes through kube() with a path. */
const PLURALS: Readonly<Record<string, { readonly plural: string; readonly cluster?: true }>> = {
  Namespace: { plural: 'namespaces', cluster: true },
  CustomResourceDefinition: { plural: 'customresourcedefinitions', cluster: true },
  ClusterRole: { plural: 'clusterroles', cluster: true },
  ClusterRoleBinding: { plural: 'clusterrolebindings', cluster: true },
  ValidatingAdmissionPolicy: { plural: 'validatingadmissionpolicies', cluster: true },
  ValidatingAdmissionPolicyBinding: { plural: 'validatingadmissionpolicybindings', cluster: true },
  MutatingWebhookConfiguration: { plural: 'mutatingwebhookconfigurations', cluster: true },
  ValidatingWebhookConfiguration: { plural: 'validatingwebhookconfigurations', cluster: true },
  Role: { plural: 'roles' },
  RoleBinding: { plural: 'rolebindings' },
  ServiceAccount: { plural: 'serviceaccounts' },
  ConfigMap: { plural: 'configmaps' },
  Secret: { plural: 'secrets' },
  Service: { plural: 'services' },
  Deployment: { plural: 'deployments' },
  Lease: { plural: 'leases' },
  WorkloadGroup: { plural: 'workloadgroups' },
  WorkloadEntry: { plural: 'workloadentries' },
  ServiceEntry: { plural: 'serviceentries' },
  Sidecar: { plural: 'sidecars' },
  Telemetry: { plural: 'telemetries' },
  VirtualService: { plural: 'virtualservices' },
  DestinationRule: { plural: 'destinationrules' },
  PeerAuthentication: { plural: 'peerauthentications' },
  IstioRevision: { plural: 'istiorevisions', cluster: true },
  IstioControlPlane: { plural: 'istiocontrolplanes' },
};

export class Kube {
  readonly #tunnel: Tunnel;
  readonly #server: ApiServer;

  constructor(tunnel: Tunnel, server: ApiServer) {
    this.#tunnel = tunnel;
    this.#server = server;
  }

  /** One request as administrator, or with `token`. Any HTTP status is an answer. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    options: { contentType?: string; token?: string } = {},
  ): Promise<KubeAnswer> {
    const answer = await this.#tunnel.request(`${this.#server.url}${path}`, {
      method,
      ca: this.#server.credentials.ca,
      headers: {
        authorization: `Bearer ${options.token ?? this.#server.adminToken}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const isJson = String(answer.headers['content-type']).includes('json');
    return { status: answer.status, body: isJson ? JSON.parse(answer.body) : answer.body };
  }

  /** Like ask(), but a status of 400 or above is an error with the server's reason. */
  async kube(method: string, path: string, body?: unknown, contentType?: string): Promise<KubeObject> {
    const answer = await this.ask(method, path, body, contentType === undefined ? {} : { contentType });
    if (answer.status < 400) return answer.body;
    const reason = typeof answer.body === 'string' ? answer.body : answer.body.message;
    throw new Error(`cannot ${method} ${path}: ${answer.status} ${reason}`);
  }

  /**
   * Creates or updates each, by server-side apply with force; a `status` is written as well, since no controller here
   * would.
   */
  async applyObjects(objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) {
      const path = pathOf(object);
      const query = '?fieldManager=lab&force=true';
      const { status, ...rest } = object;
      await this.kube('PATCH', `${path}${query}`, rest, 'application/apply-patch+yaml');
      if (status === undefined) continue;
      await this.kube('PATCH', `${path}/status`, { status }, 'application/merge-patch+json');
    }
  }

  /** A token of this account, as `kubectl create token` gets one. */
  async mintToken(
    namespace: string,
    account: string,
    { audience, seconds = 3600 }: { audience?: string; seconds?: number } = {},
  ): Promise<string> {
    const spec = { expirationSeconds: seconds, ...(audience === undefined ? {} : { audiences: [audience] }) };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const answer = await this.kube('POST', path, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec,
    });
    return answer.status.token;
  }
}

function pathOf(object: KubeObject): string {
  const kind = PLURALS[object.kind];
  if (kind === undefined) throw new Error(`cannot apply a ${object.kind}: name its plural in kube.ts`);
  const group = object.apiVersion.includes('/') ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`;
  const namespace = kind.cluster === undefined ? `/namespaces/${object.metadata.namespace}` : '';
  return `${group}${namespace}/${kind.plural}/${object.metadata.name}`;
}
