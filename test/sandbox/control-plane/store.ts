/** The objects of the embedded API server, in memory. Versions and conflicts are those of the real server. */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { ApiFailure } from './failure.ts';
import type { Kind } from './kinds.ts';
import { managedFields } from './managed-fields.ts';
import type { KubeObject } from './object.ts';

/** Identifies an object. `namespace` is '' for a cluster-scoped object. */
export interface Key {
  kind: Kind;
  namespace: string;
  name: string;
}

export class Store {
  readonly #objects = new Map<string, KubeObject>();
  #revision = 1000;

  get revision(): string {
    return String(this.#revision);
  }

  /** Rejects with 404 if there is no such object. */
  get(key: Key): KubeObject {
    const object = this.#objects.get(text(key));
    if (object === undefined) throw notFound(key);
    return structuredClone(object);
  }

  /** The objects of a kind; in all namespaces if `namespace` is ''. */
  list(kind: Kind, namespace: string): KubeObject[] {
    const prefix = `${kind.group}/${kind.plural}/${namespace === '' ? '' : `${namespace}/`}`;
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => structuredClone(this.#objects.get(key) as KubeObject));
  }

  create(key: Key, body: KubeObject): KubeObject {
    if (this.#objects.has(text(key))) {
      throw new ApiFailure(409, 'AlreadyExists', `${key.kind.plural} "${key.name}" already exists`);
    }
    const { status, ...rest } = body;
    const metadata = {
      ...body.metadata,
      name: key.name,
      ...(key.kind.namespaced ? { namespace: key.namespace } : {}),
      uid: randomUUID(),
      generation: 1,
      creationTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
    };
    // A status subresource is only written by its own path. A status in the object is dropped.
    return this.#put(key, {
      ...rest,
      ...(status === undefined || key.kind.status ? {} : { status }),
      metadata,
    } as KubeObject);
  }

  /** Replaces an object or, with `subresource`, only its status. Conflict if `body` has an old resourceVersion. */
  replace(key: Key, body: KubeObject, subresource: string): KubeObject {
    const old = this.get(key);
    const given = body.metadata.resourceVersion;
    if (given === undefined && key.kind.custom) {
      throw new ApiFailure(
        422,
        'Invalid',
        'metadata.resourceVersion: Invalid value: 0x0: must be specified for an update',
      );
    }
    if (given !== undefined && given !== old.metadata.resourceVersion) {
      const message = `Operation cannot be fulfilled on ${key.kind.plural} "${key.name}": the object has been modified; please apply your changes to the latest version and try again`;
      throw new ApiFailure(409, 'Conflict', message);
    }
    const next = subresource === 'status' ? withStatus(old, body.status) : withoutStatus(key, old, body);
    // A write without a change makes no new version.
    if (isDeepStrictEqual(next, old)) return old;
    return this.#put(key, next);
  }

  remove(key: Key): KubeObject {
    const old = this.get(key);
    this.#objects.delete(text(key));
    this.#revision += 1;
    return old;
  }

  #put(key: Key, object: KubeObject): KubeObject {
    this.#revision += 1;
    const { managedFields: _, ...metadata } = object.metadata;
    const stored = structuredClone({
      ...object,
      metadata: { ...metadata, resourceVersion: this.revision },
    }) as KubeObject;
    stored.metadata.managedFields = managedFields(stored);
    this.#objects.set(text(key), stored);
    return structuredClone(stored);
  }
}

function withStatus(old: KubeObject, status: KubeObject['status']): KubeObject {
  const { status: _, ...rest } = old;
  return { ...rest, ...(status === undefined ? {} : { status }) } as KubeObject;
}

function withoutStatus(key: Key, old: KubeObject, body: KubeObject): KubeObject {
  const { uid, resourceVersion, creationTimestamp, generation, managedFields: fields } = old.metadata;
  const changed = !isDeepStrictEqual(body.spec, old.spec);
  const fixed = { uid, resourceVersion, creationTimestamp, managedFields: fields };
  const metadata = { ...body.metadata, ...fixed, generation: (generation ?? 1) + (changed ? 1 : 0) };
  const next = { ...body, metadata } as KubeObject;
  return key.kind.status ? withStatus(next, old.status) : next;
}

function notFound({ kind, name }: Key): ApiFailure {
  const what = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
  return new ApiFailure(404, 'NotFound', `${what} "${name}" not found`);
}

function text({ kind, namespace, name }: Key): string {
  return `${kind.group}/${kind.plural}/${namespace}/${name}`;
}
