/**
 * Normalises a message by its schema, as istioctl's way through protobuf does: names in camelCase, zero values dropped,
 * enums by name, durations in seconds. pilot-agent refuses `statusPort: 0` and the like, so this is not cosmetic.
 */

import { invalidField } from '../problem.ts';
import { formatDuration, parseDuration } from './go-duration.ts';
import type { Value } from './go-scalar.ts';
import { enumValues, type Field, fieldsOf } from './schema.ts';

export type Normal = string | number | boolean | Normal[] | Message;
/** A map and no object: a key may be `__proto__`. */
export type Message = Map<string, Normal>;

const INT32 = [-(2n ** 31n), 2n ** 31n - 1n] as const;
const UINT32 = [0n, 2n ** 32n - 1n] as const;
const INT64 = [-(2n ** 63n), 2n ** 63n - 1n] as const;
const JSON_INTEGER = /^ *(-?(?:0|[1-9][0-9]*)) *$/;
const JSON_NUMBER = /^ *(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?) *$/;
/** Protobuf's names, and the only way in which JSON can hold these numbers. */
const NOT_FINITE = new Set(['NaN', 'Infinity', '-Infinity']);

/**
 * What happens to a field that the schema does not know: the
 * control plane's are dropped, the operator's own are errors.
 */
export type Unknown = 'drop' | 'reject';

/** A new message of `type`. `path` names it in errors. Throws SMM303. */
export function normalise(type: string, value: Value, path: string, unknown: Unknown = 'drop'): Message {
  const message: Message = new Map();
  assign(message, type, value, path, unknown);
  return message;
}

/**
 * Puts `value` over `message`, as protobuf's JSON reader does with a message that is filled already: a field that is
 * there replaces the whole field, null changes nothing, a zero value removes it, a member of a oneof removes the
 * others. Throws SMM303; `message` may be changed in part then.
 */
export function assign(message: Message, type: string, value: Value, path: string, unknown: Unknown = 'drop'): void {
  if (value === null) return;
  if (!(value instanceof Map)) throw invalidField(path, `it is ${describe(value)}, not a map`);
  const fields = fieldsOf(type);
  if (unknown === 'reject') rejectUnknown(value, fields, path);
  for (const field of fields) {
    // The name in camelCase wins even when its value is null.
    const given = value.has(field.json) ? value.get(field.json) : value.get(field.name);
    if (given === undefined || given === null) continue;
    const normal = convert(field, given, `${path}.${field.json}`, unknown);
    if (field.oneof !== undefined) {
      for (const other of fields) if (other.oneof === field.oneof) message.delete(other.json);
    }
    if (field.oneof === undefined && isZero(field, normal)) message.delete(field.json);
    else message.set(field.json, normal);
  }
}

function convert(field: Field, value: Value, path: string, unknown: Unknown): Normal {
  if (field.card === 'list') {
    if (!Array.isArray(value)) throw invalidField(path, `it is ${describe(value)}, not a list`);
    return value.map((item, index) => convertOne(field, item, `${path}[${index}]`, unknown));
  }
  if (field.card === 'map') {
    if (!(value instanceof Map)) throw invalidField(path, `it is ${describe(value)}, not a map`);
    const entry = ([key, item]: [string, Value]) => [key, convertOne(field, item, `${path}.${key}`, unknown)] as const;
    return new Map([...value].map(entry));
  }
  return convertOne(field, value, path, unknown);
}

/** One value, also an element of a list or a map: there null is the kind's zero. */
function convertOne(field: Field, value: Value, path: string, unknown: Unknown): Normal {
  switch (field.kind) {
    case 'string':
      if (value === null) return '';
      // The value is not shown: a text may be a secret, and a text of digits only is a number in YAML.
      if (typeof value !== 'string') throw invalidField(path, `it is ${kindOf(value)}, not a string (quote it)`);
      return value;
    case 'bool':
      return convertBool(value, path);
    case 'int32':
      return Number(integer(value, INT32, path));
    case 'uint32':
      return Number(integer(value, UINT32, path));
    case 'double':
      return double(value, path);
    case 'enum':
      return enumMember(field.type ?? '', value, path);
    case 'message':
      return convertMessage(field.type ?? '', value, path, unknown);
  }
}

/** Wrappers are plain values in JSON, and an Int64Value is a string there: a double does not hold all of them. */
function convertMessage(type: string, value: Value, path: string, unknown: Unknown): Normal {
  switch (type) {
    case 'google.protobuf.Duration':
      return duration(value, path);
    case 'google.protobuf.BoolValue':
      return convertBool(value, path);
    case 'google.protobuf.Int32Value':
      return Number(integer(value, INT32, path));
    case 'google.protobuf.Int64Value':
      return String(integer(value, INT64, path));
    default:
      return normalise(type, value, path, unknown);
  }
}

function convertBool(value: Value, path: string): boolean {
  if (value === null) return false;
  if (typeof value !== 'boolean') throw invalidField(path, `it is ${describe(value)}, not true or false`);
  return value;
}

function integer(value: Value, [min, max]: readonly [bigint, bigint], path: string): bigint {
  const found = value === null ? 0n : wholeNumber(value, min === 0n);
  if (found === null) throw invalidField(path, `it is ${describe(value)}, not a whole number`);
  if (found < min || found > max) throw invalidField(path, `${found} is not between ${min} and ${max}`);
  return found;
}

function wholeNumber(value: Value, isUnsigned: boolean): bigint | null {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') {
    // Go reads the minus of -0.0 and refuses it if the field is unsigned.
    return Number.isInteger(value) && !(isUnsigned && Object.is(value, -0)) ? BigInt(value) : null;
  }
  if (typeof value !== 'string') return null;
  const text = value.replaceAll(/^ +| +$/g, '');
  if (text === 'null') return 0n;
  const isAllowed = JSON_INTEGER.test(text) && !(isUnsigned && text.startsWith('-'));
  return isAllowed ? BigInt(text) : null;
}

function double(value: Value, path: string): Normal {
  if (value === null) return 0;
  if (typeof value === 'string' && NOT_FINITE.has(value)) return value;
  // .nan and .inf: JSON has no such numbers, so they go by protobuf's names.
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string') {
    if (/^ *null *$/.test(value)) return 0;
    const number = JSON_NUMBER.test(value) ? Number(value) : Number.NaN;
    if (Number.isFinite(number)) return number;
  }
  throw invalidField(path, `it is ${describe(value)}, not a number`);
}

function enumMember(type: string, value: Value, path: string): Normal {
  const values = enumValues(type);
  if (typeof value === 'string') {
    if (!values.has(value))
      throw invalidField(path, `${describe(value)} is not one of ${[...values.keys()].join(', ')}`);
    return value;
  }
  const number = Number(integer(value, INT32, path));
  for (const [name, known] of values) if (known === number) return name;
  return number;
}

function duration(value: Value, path: string): string {
  const nanoseconds = typeof value === 'string' ? parseDuration(value) : null;
  if (nanoseconds === null) throw invalidField(path, `it is ${describe(value)}, not a duration such as 1m30s`);
  return formatDuration(nanoseconds);
}

/**
 * Zero values are not written, except for those of wrappers and
 * messages, which have a meaning. -0 is not zero to protobuf.
 */
function isZero(field: Field, value: Normal): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (field.card === 'map') return value instanceof Map && value.size === 0;
  if (field.kind === 'message') return false;
  if (field.kind === 'enum') return value === 0 || enumValues(field.type ?? '').get(String(value)) === 0;
  return value === '' || value === false || Object.is(value, 0);
}

function rejectUnknown(value: Map<string, Value>, fields: readonly Field[], path: string): void {
  for (const key of value.keys()) {
    const isKnown = fields.some(({ name, json }) => key === name || key === json);
    if (!isKnown) throw invalidField(`${path}.${key}`, 'Istio 1.31 knows no such field');
  }
}

function kindOf(value: Value): string {
  return typeof value === 'number' || typeof value === 'bigint' ? 'a number' : describe(value);
}

/** A value in a sentence. Never a whole text: it may be long or secret. */
function describe(value: Value): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Map) return 'a map';
  if (typeof value === 'string') return value === '' ? 'an empty string' : JSON.stringify(value.slice(0, 40));
  return String(value);
}
