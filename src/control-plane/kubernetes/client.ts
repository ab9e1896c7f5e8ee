/** Small typed requests to the Kubernetes API. The caller's zod schema checks each answer. */
import { z } from 'zod';
import { type Clock, systemClock } from '../../host/clock.ts';
import { parseJson } from '../../host/json.ts';
import { retryAfterMs } from '../../host/retry-after.ts';
import { answerFailure, invalidAnswer, throttledFailure } from './answer-failure.ts';
import type { Exchange } from './exchange.ts';
import { closedFailure } from './network-failure.ts';
import { describeRequest, pathOf, type Resource, type Verb } from './resource.ts';
import { type TokenFacts, tokenFacts } from './token-facts.ts';
import { Transport, type TransportOptions } from './transport.ts';

export interface ClientOptions extends TransportOptions {
  clock?: Clock;
  /** From 0 (included) to 1 (excluded): jitter of the waits that the server asks for. */
  random?: () => number;
  /** All pages of a list together; longer ones are an error. Bytes. */
  maxListBytes?: number;
}

export interface JsonPatchOperation {
  op: 'add' | 'remove' | 'replace' | 'test';
  path: string;
  value?: unknown;
}

const JSON_ONLY = 'application/json';
const AS = (kind: string) => `application/json;as=${kind};g=meta.k8s.io;v=v1`;
/**
 * A request itself waits for at most this long. If the server asks for more, it rejects, and the next poll tries again.
 */
const MAX_WAIT_INSIDE_MS = 5_000;
const MAX_TRIES = 3;
/** A longer `Retry-After` is cut to this: a wrong header must not silence a machine for a day. */
const MAX_RETRY_AFTER_MS = 5 * 60_000;
/** Some ten thousand WorkloadEntries have this size. Each page is bounded as any answer is. */
const MAX_LIST_BYTES = 32 * 1024 * 1024;

const Version = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }) });

export class KubernetesClient {
  readonly #transport: Transport;
  readonly #server: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #maxListBytes: number;
  #notBeforeMs = 0;
  #requests = 0;
  #answers = 0;
  #bytes = 0;

  constructor(options: ClientOptions) {
    this.#transport = new Transport(options);
    this.#server = options.server;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#maxListBytes = options.maxListBytes ?? MAX_LIST_BYTES;
  }

  /** One object. Rejects with ControlPlaneError, as all requests do; `missing` when there is none. */
  get<T>(resource: Resource, schema: z.ZodType<T>): Promise<T> {
    return this.#send('get', resource, { method: 'GET', path: pathOf(resource), accept: JSON_ONLY }, schema);
  }

  /** One object's metadata: the API server leaves the rest out. `schema` is that of an object with `metadata`. */
  metadata<T>(resource: Resource, schema: z.ZodType<T>): Promise<T> {
    const exchange = { method: 'GET', path: pathOf(resource), accept: AS('PartialObjectMetadata') } as const;
    return this.#send('get', resource, exchange, schema);
  }

  /**
   * Only one object's resourceVersion, in the fewest bytes: as the table that `kubectl get` prints, without the object.
   * (Metadata alone carries managedFields, which for istiod's Deployment are longer than everything else.)
   */
  async resourceVersion(resource: Resource): Promise<string> {
    const exchange = { method: 'GET', path: `${pathOf(resource)}?includeObject=None`, accept: AS('Table') } as const;
    return (await this.#send('get', resource, exchange, Version)).metadata.resourceVersion;
  }

  /** All objects that match, read in pages; with `metadataOnly` the API server leaves the rest out. */
  async list<T>(
    resource: Resource,
    item: z.ZodType<T>,
    options: { labelSelector?: string; metadataOnly?: boolean } = {},
  ): Promise<T[]> {
    const page = z.object({
      metadata: z.object({ continue: z.string().default('') }).prefault({}),
      items: z.array(item).nullish(),
    });
    const items: T[] = [];
    const bytesBefore = this.#bytes;
    let next = '';
    do {
      const query = new URLSearchParams({ limit: '250' });
      if (options.labelSelector !== undefined) query.set('labelSelector', options.labelSelector);
      if (next !== '') query.set('continue', next);
      const accept = options.metadataOnly ? AS('PartialObjectMetadataList') : JSON_ONLY;
      const exchange = { method: 'GET', path: `${pathOf(resource)}?${query}`, accept } as const;
      const answer = await this.#send('list', resource, exchange, page);
      items.push(...(answer.items ?? []));
      if (this.#bytes - bytesBefore > this.#maxListBytes) {
        throw invalidAnswer(describeRequest('list', resource), `it is longer than ${this.#maxListBytes} bytes`);
      }
      next = answer.metadata.continue;
    } while (next !== '');
    return items;
  }

  /** Discovery: which versions of an API group are served; `missing` when none is. */
  apiGroup<T>(group: string, schema: z.ZodType<T>): Promise<T> {
    const exchange = { method: 'GET', path: `/apis/${group}`, accept: JSON_ONLY } as const;
    return this.#send('get', { group, version: '', plural: 'apigroups' }, exchange, schema);
  }

  /**
   * JSON Patch; returns the new resourceVersion. The operations must begin with a `test` that makes a repetition
   * harmless: a request can be sent twice when the connection breaks.
   */
  async patch(resource: Resource, operations: JsonPatchOperation[]): Promise<string> {
    const exchange: Omit<Exchange, 'doing'> = {
      method: 'PATCH',
      path: `${pathOf(resource)}?includeObject=None`,
      accept: AS('Table'),
      contentType: 'application/json-patch+json',
      body: JSON.stringify(operations),
    };
    return (await this.#send('patch', resource, exchange, Version)).metadata.resourceVersion;
  }

  /** Creates an object in the collection `resource`; `conflict` when it exists. */
  create<T>(resource: Resource, body: unknown, schema: z.ZodType<T>): Promise<T> {
    const sent = { contentType: 'application/json', body: JSON.stringify(body) };
    return this.#send(
      'create',
      resource,
      { method: 'POST', path: pathOf(resource), accept: JSON_ONLY, ...sent },
      schema,
    );
  }

  /** The claims of the last request's token; null before the first request, and for a token of another kind. */
  tokenFacts(): TokenFacts | null {
    const { token } = this.#transport;
    return token === null ? null : tokenFacts(token);
  }

  /** Requests sent, answers of any status, and bytes of their bodies, since the client was made. */
  usage(): { requests: number; answers: number; bytes: number } {
    return { requests: this.#requests, answers: this.#answers, bytes: this.#bytes };
  }

  /** Milliseconds that the API server still asks the agent to wait; 0 when it may be asked now. */
  waitMs(): number {
    return Math.max(0, this.#notBeforeMs - this.#clock.bootTimeMs());
  }

  /** Ends running requests, within milliseconds; later requests are refused with `unreachable`. */
  close(): void {
    this.#transport.close();
  }

  async #send<T>(verb: Verb, resource: Resource, exchange: Omit<Exchange, 'doing'>, schema: z.ZodType<T>): Promise<T> {
    const doing = describeRequest(verb, resource);
    for (let tries = 1; ; tries += 1) {
      const waitMs = this.waitMs();
      if (waitMs > MAX_WAIT_INSIDE_MS) throw throttledFailure(429, doing, waitMs);
      if (waitMs > 0) await this.#pause(waitMs, doing);
      this.#requests += 1;
      const answer = await this.#transport.send({ ...exchange, doing });
      this.#answers += 1;
      this.#bytes += answer.bytes;
      if (answer.status >= 200 && answer.status < 300) return parse(answer.body, schema, doing);
      const askedMs = retryAfterMs(answer.retryAfter, this.#clock.now(), MAX_RETRY_AFTER_MS);
      if (answer.status !== 429 && (answer.status !== 503 || askedMs === null)) {
        throw answerFailure(answer, verb, resource, this.#server);
      }
      const holdMs = this.#hold(askedMs ?? 1000);
      if (tries === MAX_TRIES) throw throttledFailure(answer.status, doing, holdMs);
    }
  }

  async #pause(waitMs: number, doing: string): Promise<void> {
    const { closing } = this.#transport;
    await this.#clock.sleep(waitMs, closing).catch((error: unknown) => {
      throw closing.aborted ? closedFailure(doing) : error;
    });
  }

  /** Makes all requests wait, a little longer than the server asked for, so that a fleet does not come back at once. */
  #hold(askedMs: number): number {
    const holdMs = Math.min(askedMs + Math.floor(this.#random() * Math.max(500, askedMs / 4)), MAX_RETRY_AFTER_MS);
    this.#notBeforeMs = this.#clock.bootTimeMs() + holdMs;
    return holdMs;
  }
}

function parse<T>(body: string, schema: z.ZodType<T>, doing: string): T {
  const json = parseJson(body);
  if (json instanceof Error) throw invalidAnswer(doing, 'it is not JSON', json);
  const checked = schema.safeParse(json);
  if (checked.success) return checked.data;
  throw invalidAnswer(doing, z.prettifyError(checked.error).replaceAll('\n', ' '));
}
