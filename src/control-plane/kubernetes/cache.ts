/**
 * Objects of the API server, read whole only when their resourceVersion has changed since the last time.
 * Memory only: a restart of the agent reads everything again.
 */
import { z } from 'zod';
import type { KubernetesClient } from './client.ts';
import { isFailure } from './failure.ts';
import { WithMetadata } from './objects.ts';
import { pathOf, type Resource } from './resource.ts';

type Named = z.infer<typeof WithMetadata>;

interface Entry {
  /** null: the object does not exist. */
  resourceVersion: string | null;
  value: unknown;
}

export class ObjectCache {
  readonly #client: KubernetesClient;
  readonly #entries = new Map<string, Entry>();
  readonly #used = new Set<string>();
  #generation = 0;

  constructor(client: KubernetesClient) {
    this.#client = client;
  }

  /** Another number whenever an object that was read differs from what was known before. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * One object, or null if there is none. A known object is asked
   * for again only when `fresh`, and then by its resourceVersion.
   */
  async object<T>(resource: Resource, schema: z.ZodType<T>, fresh: boolean): Promise<T | null> {
    const key = pathOf(resource);
    const known = this.#known(key);
    if (known !== null && !fresh) return known.value as T | null;
    if (known !== null) {
      const current = await missingAsNull(this.#client.resourceVersion(resource));
      if (current === known.resourceVersion) return known.value as T | null;
      if (current === null) return this.#remember(key, { resourceVersion: null, value: null });
    }
    const read = await missingAsNull(this.#client.get(resource, withVersion(schema)));
    return this.#remember(key, read ?? { resourceVersion: null, value: null });
  }

  /** One object's metadata, in one request; for objects that are small except for their managedFields. */
  async metadata(resource: Resource): Promise<Named | null> {
    const key = `${pathOf(resource)}#metadata`;
    this.#used.add(key);
    const value = await missingAsNull(this.#client.metadata(resource, WithMetadata));
    return this.#remember(key, { resourceVersion: value?.metadata.resourceVersion ?? null, value });
  }

  /** As `metadata`; known metadata is asked for again only when `fresh`. */
  async knownMetadata(resource: Resource, fresh: boolean): Promise<Named | null> {
    const known = this.#known(`${pathOf(resource)}#metadata`);
    if (known !== null && !fresh) return known.value as Named | null;
    return this.metadata(resource);
  }

  /** The metadata of all objects that match; null if the server has no such kind (an absent CRD). */
  async listMetadata(resource: Resource, labelSelector: string, fresh: boolean): Promise<Named[] | null> {
    const key = `${pathOf(resource)}?${labelSelector}#metadata`;
    const known = this.#known(key);
    if (known !== null && !fresh) return known.value as Named[] | null;
    const value = await this.#metadataOf(resource, labelSelector);
    return this.#remember(key, { resourceVersion: versionsOf(value), value });
  }

  /** All objects that match, whole; null if the server has no such kind. */
  async list<T extends Named>(
    resource: Resource,
    schema: z.ZodType<T>,
    labelSelector: string,
    fresh: boolean,
  ): Promise<T[] | null> {
    const key = `${pathOf(resource)}?${labelSelector}`;
    const known = this.#known(key);
    if (known !== null) {
      if (!fresh) return known.value as T[] | null;
      const current = versionsOf(await this.#metadataOf(resource, labelSelector));
      if (current === known.resourceVersion) return known.value as T[] | null;
    }
    const value = await missingAsNull(this.#client.list(resource, schema, { labelSelector }));
    return this.#remember(key, { resourceVersion: versionsOf(value), value });
  }

  /** Forgets what was not asked for since the last call: revisions come and go, and the agent lives for years. */
  sweep(): void {
    for (const key of this.#entries.keys()) {
      if (!this.#used.has(key)) this.#entries.delete(key);
    }
    this.#used.clear();
  }

  #metadataOf(resource: Resource, labelSelector: string): Promise<Named[] | null> {
    return missingAsNull(this.#client.list(resource, WithMetadata, { labelSelector, metadataOnly: true }));
  }

  #known(key: string): Entry | null {
    this.#used.add(key);
    return this.#entries.get(key) ?? null;
  }

  #remember<T>(key: string, entry: Entry & { value: T }): T {
    const before = this.#entries.get(key);
    if (before === undefined || before.resourceVersion !== entry.resourceVersion) this.#generation += 1;
    this.#entries.set(key, entry);
    return entry.value;
  }
}

/** `schema`, with the resourceVersion of the object beside it. */
function withVersion<T>(schema: z.ZodType<T>): z.ZodType<{ resourceVersion: string; value: T }> {
  return z
    .looseObject({ metadata: z.looseObject({ resourceVersion: z.string() }) })
    .transform((value): { resourceVersion: string; value: unknown } => ({
      resourceVersion: value.metadata.resourceVersion,
      value,
    }))
    .pipe(z.object({ resourceVersion: z.string(), value: schema }));
}

/** The objects with their versions: equal only when no object was added, removed or changed. */
function versionsOf(objects: Named[] | null): string | null {
  if (objects === null) return null;
  return objects
    .map(({ metadata }) => `${metadata.uid}/${metadata.resourceVersion}`)
    .sort()
    .join(' ');
}

async function missingAsNull<T>(request: Promise<T>): Promise<T | null> {
  try {
    return await request;
  } catch (error) {
    if (isFailure(error, 'missing')) return null;
    throw error;
  }
}
