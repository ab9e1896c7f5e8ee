/** One edit of a YAML document that leaves everything else as its author wrote it. */
import { type Document, isAlias, isMap, isScalar, type Node, type YAMLMap } from 'yaml';
import { AgentError } from '../../base/errors.ts';
import type { KeyPath } from '../keys.ts';

/** `undefined` removes the key, so that its default applies. */
export interface Edit {
  path: KeyPath;
  value: unknown;
}

/** Sets or removes one value; maps on the way are made, and an emptied one is removed. */
export function applyEdit(document: Document, { path, value }: Edit): void {
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    // Also for a file that has only comments: they stay above the new keys.
    document.contents = document.createNode({}) as unknown as typeof document.contents;
  }
  const [leaf, ...reversed] = [...path].reverse();
  const parents = reversed.reverse();
  if (leaf === undefined) return;
  if (value === undefined) {
    remove(document, [...parents, leaf]);
    return;
  }
  let map = asMap(document, document.contents, []);
  for (const [index, key] of parents.entries()) {
    const inner = map.get(key, true) as Node | null | undefined;
    if (inner === undefined || inner === null || (isScalar(inner) && inner.value === null)) {
      // `poll:` with nothing below it is YAML's null.
      map.set(key, document.createNode({}));
    }
    map = asMap(document, map.get(key, true), parents.slice(0, index + 1));
  }
  const present = map.get(leaf, true) as Node | null | undefined;
  if (isScalar(present) && present.anchor === undefined && (typeof value !== 'object' || value === null)) {
    // In place, so that the comment behind the value stays. The
    // style (quotes, hexadecimal, ...) belongs to the old value.
    if (typeof present.value !== 'string' || typeof value !== 'string') {
      delete present.type;
      delete present.format;
      delete present.source;
    }
    present.value = value;
  } else {
    map.set(leaf, document.createNode(value));
  }
}

function asMap(document: Document, node: unknown, path: readonly string[]): YAMLMap {
  const resolved = isAlias(node) ? node.resolve(document) : node;
  if (isMap(resolved)) return resolved;
  const place = path.length === 0 ? 'the file' : path.join('.');
  throw new AgentError(
    'SMM612',
    `cannot set a key below ${place}: it is not a map of keys and values`,
    'correct it by hand first',
  );
}

function remove(document: Document, path: readonly string[]): void {
  if (!document.hasIn(path)) return;
  document.deleteIn(path);
  const parent = path.slice(0, -1);
  const left: unknown = parent.length === 0 ? null : document.getIn(parent);
  if (isMap(left) && left.items.length === 0) remove(document, parent);
}
