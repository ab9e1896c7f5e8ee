/** Reads the parts of a WorkloadGroup that a rendering needs, with the defaults that the API server would fill in. */

import { isPlainWord } from './env/grammar.ts';
import type { Value } from './go/go-scalar.ts';
import { type Message, type Normal, normalise } from './go/normalise.ts';
import { compareUtf8 } from './go/quote.ts';
import { WORKLOAD_GROUP } from './go/schema.ts';
import { unusableInput } from './problem.ts';

export interface WorkloadGroup {
  name: string;
  namespace: string;
  /**
   * Texts of `proxy.istio.io/config`: of the group itself, then of the entries made from it. Each may be YAML or JSON.
   */
  proxyConfigs: { where: string; text: string }[];
  /** Labels of the metadata, overridden by those of the template. */
  labels: Map<string, string>;
  serviceAccount: string;
  network: string;
  /** Names and port numbers, sorted by name. */
  ports: [name: string, port: number][];
  /** The normalised readiness probe, undefined without one. */
  probe: Normal | undefined;
}

const ANNOTATION = 'proxy.istio.io/config';
/**
 * Every user who may edit the group can write it. Kubernetes allows
 * 256 KB for its own annotations, and 1.4 MB in `spec`. Bytes.
 */
export const MAX_ANNOTATION_BYTES = 64 * 1024;
/** Annotations and spec together, as JSON: the agent reads all of it. Bytes. */
const MAX_BYTES = 256 * 1024;

/** Throws SMM301 or SMM303 when the object is not a WorkloadGroup. */
export function readWorkloadGroup(object: Readonly<Record<string, unknown>>): WorkloadGroup {
  const proxyConfigs = readProxyConfigs(object);
  checkSize(object);
  const metadata = toValue(object.metadata ?? null);
  const spec = normalise(WORKLOAD_GROUP, toValue(object.spec ?? null), 'WorkloadGroup.spec');
  const entry = submessage(spec, 'metadata');
  const template = submessage(spec, 'template');
  return {
    name: requiredName(metadata, 'name'),
    namespace: requiredName(metadata, 'namespace'),
    proxyConfigs,
    labels: new Map([...strings(entry, 'labels'), ...strings(template, 'labels')]),
    serviceAccount: String(template.get('serviceAccount') ?? 'default'),
    network: String(template.get('network') ?? ''),
    ports: [...submessage(template, 'ports')]
      .map(([name, port]): [string, number] => [name, Number(port)])
      .toSorted(([a], [b]) => compareUtf8(a, b)),
    probe: spec.get('probe'),
  };
}

/** The texts of `proxy.istio.io/config`, the group's own first. Throws SMM301 when one is not a string. */
export function readProxyConfigs(object: Readonly<Record<string, unknown>>): WorkloadGroup['proxyConfigs'] {
  const own = childOf(childOf(object, 'metadata'), 'annotations');
  const ofEntries = childOf(childOf(childOf(object, 'spec'), 'metadata'), 'annotations');
  return [
    { where: `annotation ${ANNOTATION} of the group`, text: childOf(own, ANNOTATION) },
    { where: `annotation ${ANNOTATION} of spec.metadata`, text: childOf(ofEntries, ANNOTATION) },
  ].flatMap(({ where, text }) => {
    if (text === undefined || text === null) return [];
    if (typeof text !== 'string') throw unusableInput(`${where} is not a string`);
    return [{ where, text: text.toWellFormed() }];
  });
}

/** To call before the group is read: the API server's only bound is 1.5 MB. Throws SMM301. */
function checkSize({ metadata, spec }: Readonly<Record<string, unknown>>): void {
  const bytes = Buffer.byteLength(JSON.stringify([childOf(metadata, 'annotations'), spec]));
  if (bytes > MAX_BYTES) throw unusableInput(`the WorkloadGroup has ${bytes} bytes; at most ${MAX_BYTES} are read`);
}

/** JSON of the API server as the values that YAML gives: maps for objects, since a label may be named `__proto__`. */
export function toValue(json: unknown): Value {
  if (typeof json === 'string') return json.toWellFormed();
  if (json === null || json === undefined) return null;
  if (typeof json === 'boolean' || typeof json === 'number' || typeof json === 'bigint') return json;
  if (Array.isArray(json)) return json.map(toValue);
  return new Map(Object.entries(json).map(([key, value]) => [key.toWellFormed(), toValue(value)]));
}

/**
 * Name and namespace go into YAML and into a command line of Istio's
 * start script. Kubernetes itself allows far less than this.
 */
function requiredName(metadata: Value, key: string): string {
  const name = metadata instanceof Map ? metadata.get(key) : undefined;
  if (typeof name !== 'string' || name === '' || !isPlainWord(name)) {
    throw unusableInput(`metadata.${key} of the WorkloadGroup is missing or is not a name`);
  }
  return name;
}

function childOf(object: unknown, key: string): unknown {
  return typeof object === 'object' && object !== null ? (object as Record<string, unknown>)[key] : undefined;
}

function submessage(message: Message, field: string): Message {
  const value = message.get(field);
  return value instanceof Map ? value : new Map();
}

function strings(message: Message, field: string): Map<string, string> {
  return submessage(message, field) as Map<string, string>;
}
