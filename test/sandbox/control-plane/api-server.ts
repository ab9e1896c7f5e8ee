/**
 * The part of the Kubernetes API that the agent uses, on loopback over HTTPS: for `npm test` and `npm run demo`.
 * test/control-plane/suite.ts checks that it behaves like the real API server.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type Identity, makeCertificates } from './certificate.ts';
import { ApiFailure } from './failure.ts';
import { type Answer, Faults } from './faults.ts';
import { jsonPatch, mergePatch, PatchError } from './json-patch.ts';
import { type Kind, kindsWith } from './kinds.ts';
import type { KubeObject } from './object.ts';
import { matches, type Wanted, wantedBy } from './requests.ts';
import { Rights } from './rights.ts';
import { Store } from './store.ts';
import { viewOf } from './views.ts';

/** A request that was answered, for tests that count them. */
export interface Seen {
  method: string;
  path: string;
  status: number;
  bytes: number;
}

export class EmbeddedApiServer {
  readonly faults = new Faults();
  readonly rights = new Rights();
  readonly #store = new Store();
  readonly #sockets = new Set<Duplex>();
  readonly #certificates: { ca: string; server: Identity };
  #server: Server | null = null;
  #port = 0;
  #seen: Seen[] = [];
  #known: { at: string; kinds: Kind[] } = { at: '', kinds: [] };

  constructor(certificates = makeCertificates(['127.0.0.1', 'localhost'])) {
    this.#certificates = certificates;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** PEM of the authority that signed its certificate. */
  get ca(): string {
    return this.#certificates.ca;
  }

  /** The requests since the last call. */
  takeSeen(): Seen[] {
    const seen = this.#seen;
    this.#seen = [];
    return seen;
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens. After a `stop`, on the same port and with the same objects. */
  async start(): Promise<void> {
    const { certificate, key } = this.#certificates.server;
    // Like the real server: idle connections stay open for 90 s.
    const server = createServer({ cert: certificate, key, keepAliveTimeout: 90_000 }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Ends at once, like a killed process: connections are cut. The objects stay. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (this.faults.outage) return void request.socket.destroy();
    if (this.faults.hanging) return;
    const { method = 'GET', url = '/' } = request;
    const answer = this.faults.take() ?? this.#answer(request, Buffer.concat(chunks).toString());
    const body = Buffer.from(answer.body);
    this.#seen.push({ method, path: url, status: answer.status, bytes: body.length });
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      ...answer.headers,
      'content-length': body.length,
    });
    if (this.faults.dripMs > 0) {
      for (const byte of body) {
        if (response.destroyed) return;
        response.write(Buffer.of(byte));
        await delay(this.faults.dripMs);
      }
    }
    response.end(this.faults.dripMs > 0 ? undefined : body);
  }

  #answer({ method = 'GET', url = '/', headers }: IncomingMessage, body: string): Answer {
    try {
      const { pathname, searchParams } = new URL(url, this.url);
      const user = this.rights.userOf(headers.authorization);
      const kinds = this.#kinds();
      const discovered = discovery(pathname, kinds);
      if (discovered !== null) return json(200, discovered);
      const wanted = wantedBy(method, pathname, kinds);
      if (wanted === null)
        return { status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found\n' };
      this.rights.check(user, wanted, this.#store, kinds);
      const done = this.#do(wanted, body, headers['content-type'] ?? '', searchParams);
      const list = wanted.verb === 'list';
      return json(wanted.verb === 'create' ? 201 : 200, viewOf(headers.accept ?? '', done, list));
    } catch (error) {
      if (error instanceof PatchError) return json(422, new ApiFailure(422, 'Invalid', error.message).body());
      if (error instanceof ApiFailure) return json(error.status, error.body());
      throw error;
    }
  }

  #do(wanted: Wanted, body: string, contentType: string, query: URLSearchParams): object {
    const key = { kind: wanted.kind, namespace: wanted.objectNamespace, name: wanted.name };
    switch (wanted.verb) {
      case 'get':
        return this.#store.get(key);
      case 'list':
        return this.#list(wanted, query);
      case 'create': {
        if (wanted.subresource === 'token') {
          this.#store.get(key);
          const token = this.rights.issue(key.namespace, key.name);
          return {
            apiVersion: 'authentication.k8s.io/v1',
            kind: 'TokenRequest',
            metadata: {},
            spec: {},
            status: { token },
          };
        }
        const object = JSON.parse(body) as KubeObject;
        return this.#store.create({ ...key, name: object.metadata.name }, object);
      }
      case 'update':
        return this.#store.replace(key, JSON.parse(body) as KubeObject, wanted.subresource);
      case 'patch':
        return this.#store.replace(key, patched(this.#store.get(key), body, contentType), wanted.subresource);
      default:
        return this.#store.remove(key);
    }
  }

  #list({ kind, objectNamespace }: Wanted, query: URLSearchParams): object {
    const all = this.#store
      .list(kind, objectNamespace)
      .filter(({ metadata }) => matches(metadata.labels ?? {}, query.get('labelSelector')));
    const from = Number(query.get('continue') ?? 0);
    const to = from + Number(query.get('limit') ?? all.length);
    const metadata = { resourceVersion: this.#store.revision, ...(to < all.length ? { continue: String(to) } : {}) };
    return { apiVersion: 'v1', kind: `${kind.kind}List`, metadata, items: all.slice(from, to) };
  }

  /** The kinds that exist. Used by each request, so computed again only after an object has changed. */
  #kinds(): Kind[] {
    if (this.#known.at !== this.#store.revision) this.#known = { at: this.#store.revision, kinds: this.#readKinds() };
    return this.#known.kinds;
  }

  #readKinds(): Kind[] {
    const definitions = kindsWith([]).find(({ kind }) => kind === 'CustomResourceDefinition');
    return kindsWith(definitions === undefined ? [] : this.#store.list(definitions, ''));
  }
}

function patched(object: KubeObject, body: string, contentType: string): KubeObject {
  const patch: unknown = JSON.parse(body);
  if (contentType === 'application/json-patch+json') return jsonPatch(object, patch as Parameters<typeof jsonPatch>[1]);
  if (contentType === 'application/merge-patch+json') return mergePatch(object, patch) as KubeObject;
  throw new ApiFailure(415, 'UnsupportedMediaType', `${contentType} is not supported`);
}

/** Answers `/apis/<group>`, which any user may ask. */
function discovery(path: string, kinds: readonly Kind[]): object | null {
  const group = /^\/apis\/([^/]+)$/.exec(path)?.[1];
  const versions = [...new Set(kinds.filter((kind) => kind.group === group).flatMap((kind) => kind.versions))];
  if (group === undefined || versions.length === 0) return null;
  const entries = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { kind: 'APIGroup', apiVersion: 'v1', name: group, versions: entries, preferredVersion: entries[0] };
}

function json(status: number, value: object): Answer {
  return { status, body: JSON.stringify(value) };
}
