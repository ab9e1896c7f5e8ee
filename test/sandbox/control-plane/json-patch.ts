/** JSON Patch (RFC 6902: add, remove, replace, test) and merge patch (RFC 7386), as far as the tests need them. */
import { isDeepStrictEqual } from 'node:util';

interface Operation {
  op: string;
  path: string;
  value?: unknown;
}

/** A patch that does not fit the object. The API server answers with 422. */
export class PatchError extends Error {}

/** Returns a patched copy. */
export function jsonPatch<T>(object: T, operations: readonly Operation[]): T {
  const copy = structuredClone(object);
  for (const operation of operations) apply(copy, operation);
  return copy;
}

function apply(object: unknown, { op, path, value }: Operation): void {
  const keys = path
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop();
  if (last === undefined) throw new PatchError('the whole object cannot be patched');
  const parent = keys.reduce<unknown>((at, key) => member(at, key), object);
  if (op === 'test') {
    if (!isDeepStrictEqual(member(parent, last), value)) throw new PatchError(`testing value ${path} failed`);
  } else if (Array.isArray(parent)) {
    const index = last === '-' ? parent.length : Number(last);
    if (!Number.isInteger(index) || index < 0 || index > (op === 'add' ? parent.length : parent.length - 1)) {
      throw new PatchError(`${path}: no such index`);
    }
    if (op === 'add') parent.splice(index, 0, value);
    else if (op === 'remove') parent.splice(index, 1);
    else parent[index] = value;
  } else if (isObject(parent)) {
    if (op !== 'add' && !(last in parent)) throw new PatchError(`${path}: no such key`);
    if (op === 'remove') delete parent[last];
    else parent[last] = value;
  } else {
    throw new PatchError(`${path}: no such parent`);
  }
}

function member(at: unknown, key: string): unknown {
  if (Array.isArray(at)) return at[Number(key)];
  return isObject(at) ? at[key] : undefined;
}

/** Returns a patched copy: null removes a key, objects are merged, and every other value replaces the old one. */
export function mergePatch(object: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(object) ? { ...object } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
