/** An administrator of an API server, embedded or real: creates, changes and removes objects, and issues tokens. */
import { Agent, request } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from './object.ts';

export interface AdminOptions {
  server: string;
  /** PEM. */
  ca: string;
  token: string;
}

export interface RawAnswer {
  status: number;
  body: Record<string, unknown>;
}

/** Plurals that are not the kind in lower case with an s. */
const PLURALS: Record<string, string> = {
  WorkloadEntry: 'workloadentries',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
};
const CLUSTER_SCOPED = new Set([
  'Namespace',
  'ClusterRole',
  'ClusterRoleBinding',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'CustomResourceDefinition',
  'IstioRevision',
]);

export class Admin {
  readonly #options: AdminOptions;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(options: AdminOptions) {
    this.#options = options;
  }

  get ownToken(): string {
    return this.#options.token;
  }

  /** Closes the connections. */
  close(): void {
    this.#agent.destroy();
  }

  /** The path of an object or of its collection. */
  path({ apiVersion, kind, metadata }: KubeObject, what: 'object' | 'collection' | 'status' = 'object'): string {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const namespace = CLUSTER_SCOPED.has(kind) ? '' : `/namespaces/${metadata.namespace ?? 'default'}`;
    const collection = `${root}${namespace}/${PLURALS[kind] ?? `${kind.toLowerCase()}s`}`;
    if (what === 'collection') return collection;
    return `${collection}/${metadata.name}${what === 'status' ? '/status' : ''}`;
  }

  /** Creates an object, or replaces the object with that name, including its status. Rejects on any failure. */
  async apply(object: KubeObject): Promise<void> {
    const created = await this.send('POST', this.path(object, 'collection'), object);
    if (created.status === 409) {
      const current = success(await this.send('GET', this.path(object)), object);
      const { resourceVersion } = current.metadata;
      success(
        await this.send('PUT', this.path(object), { ...object, metadata: { ...object.metadata, resourceVersion } }),
        object,
      );
    } else {
      success(created, object);
    }
    if (object.kind === 'CustomResourceDefinition') await this.#served(object);
    else if (object.status !== undefined) await this.setStatus(object, object.status);
  }

  /** A real API server serves a new kind some time after its definition was accepted. */
  async #served({ spec }: KubeObject): Promise<void> {
    const { group, names, versions } = spec as {
      group: string;
      names: { plural: string };
      versions: { name: string }[];
    };
    const path = `/apis/${group}/${versions[0]?.name}/${names.plural}`;
    const deadline = performance.now() + 20_000;
    while ((await this.send('GET', path)).status !== 200) {
      if (performance.now() > deadline) throw new Error(`${path} is not served`);
      await delay(50);
    }
  }

  async applyAll(objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) await this.apply(object);
  }

  async get(object: KubeObject): Promise<KubeObject> {
    return success(await this.send('GET', this.path(object)), object);
  }

  /** A merge patch of the object, without resourceVersion. */
  async change(object: KubeObject, patch: object): Promise<void> {
    success(await this.send('PATCH', this.path(object), patch, 'application/merge-patch+json'), object);
  }

  /** A merge patch of the status. */
  async setStatus(object: KubeObject, status: object): Promise<void> {
    success(await this.send('PATCH', this.path(object, 'status'), { status }, 'application/merge-patch+json'), object);
  }

  /**
   * Replaces the whole status like istiod, with the resourceVersion that was read. The answer is 409 if that is old.
   */
  putStatus(object: KubeObject): Promise<RawAnswer> {
    return this.send('PUT', this.path(object, 'status'), object);
  }

  /** Removes an object, or does nothing if it is gone already. */
  async remove(object: KubeObject): Promise<void> {
    const answer = await this.send('DELETE', this.path(object));
    if (answer.status !== 404) success(answer, object);
  }

  /** Issues a token of a service account for the API server. */
  async token(namespace: string, serviceAccount: string): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
    const wish = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
    const { status, body } = await this.send('POST', path, wish);
    if (status !== 201)
      throw new Error(`no token of ${namespace}/${serviceAccount}: HTTP ${status} ${JSON.stringify(body)}`);
    return (body.status as { token: string }).token;
  }

  /** Sends a request as the administrator, or as the owner of `token`. */
  send(
    method: string,
    path: string,
    body?: object,
    contentType = 'application/json',
    token?: string,
  ): Promise<RawAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
    const headers = { authorization: `Bearer ${token ?? this.#options.token}`, 'content-type': contentType };
    const sent = request(
      this.#options.server + path,
      { method, headers, ca: this.#options.ca, agent: this.#agent },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = text.startsWith('{');
          resolve({ status: answer.statusCode ?? 0, body: isJson ? JSON.parse(text) : { message: text } });
        });
      },
    );
    sent.on('error', (error: NodeJS.ErrnoException) => {
      // The server was killed since the last request, so the old connection is closed. A new connection may work.
      const stale = sent.reusedSocket && error.code === 'ECONNRESET';
      if (stale) resolve(this.send(method, path, body, contentType, token));
      else reject(error);
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  }
}

function success({ status, body }: RawAnswer, { kind, metadata }: KubeObject): KubeObject {
  if (status >= 200 && status < 300) return body as unknown as KubeObject;
  throw new Error(`${kind} ${metadata.name}: HTTP ${status} ${String(body.message)}`);
}
