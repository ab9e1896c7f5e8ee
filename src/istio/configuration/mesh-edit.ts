/**
 * Sets single fields in a mesh file that the agent did not write. The parsed document says
 * where. Only the text of the value changes, so that comments, order and style stay as they
 * are. Afterwards the file is read again, as Istio would, and must differ in that field only.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMap, isNode, isScalar, type Node, type Pair, type YAMLMap } from 'yaml';
import type { Value } from './go/go-scalar.ts';
import { firstDocument, readGoYaml } from './go/go-yaml.ts';
import type { Normal } from './go/normalise.ts';
import { formatInline } from './mesh-file.ts';
import { unchangeable } from './problem.ts';

const FILE = 'the mesh file';

/** A step of the path, in camelCase. Protobuf reads the name in snake_case too, and the one in camelCase wins. */
export type Path = readonly [string, ...string[]];

/**
 * The text with `value` at `path`; maps on the way are made if they are missing.
 * Unchanged when the value is there already. Throws SMM302 when Istio could not
 * read the file, SMM306 when the field cannot be changed alone (aliases, merges).
 */
export function setField(text: string, path: Path, value: Normal): string {
  const source = text.replaceAll('\r\n', '\n');
  const before = readGoYaml(source, FILE);
  const expected = withField(before, path, toPlain(value));
  if (isDeepStrictEqual(before, expected)) return text;
  const after = edit(source, path, value);
  if (!isDeepStrictEqual(readBack(after), expected)) {
    throw unchangeable(FILE, path.join('.'), 'an alias, a merge or a tag there makes other fields change with it');
  }
  return text.includes('\r\n') ? after.replaceAll('\n', '\r\n') : after;
}

/** The value at a path, as Istio reads it; undefined if there is none. */
export function fieldOf(value: Value, path: readonly string[]): Value | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const key = value instanceof Map ? keyIn([...value.keys()], name) : undefined;
  const found = value instanceof Map && key !== undefined ? value.get(key) : undefined;
  return found === undefined || found === null ? undefined : fieldOf(found, rest);
}

function edit(text: string, path: Path, value: Normal): string {
  const document = firstDocument(text);
  const root = document?.contents as Node | null | undefined;
  if (isMap(root)) return editMap(text, root, path, value);
  // Empty, or comments only: Istio's package leaves it so.
  if (root !== null && root !== undefined && text.slice(...rangeOf(root)).trim() !== '') return text;
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${blockPair(path, value, '')}\n`;
}

function editMap(text: string, map: YAMLMap, [name, ...rest]: Path, value: Normal): string {
  const names = map.items.map(({ key }) => (isScalar(key) ? String(key.source ?? key.value) : ''));
  const key = keyIn(names, name);
  // Of two equal keys the last counts.
  const pair = key === undefined ? undefined : map.items[names.lastIndexOf(key)];
  if (pair === undefined) return insert(text, map, [name, ...rest], value);
  const [next, ...others] = rest;
  if (next !== undefined && isMap(pair.value)) return editMap(text, pair.value, [next, ...others], value);
  const inline = formatInline(rest.reduceRight<Normal>((inner, step) => new Map([[step, inner]]), value));
  // `{defaultConfig}`: a key that has no place for a value. The check afterwards fails then.
  if (!isNode(pair.value)) return text;
  const [start, end] = rangeOf(pair.value);
  const gap = /[\s]$/.test(text.slice(0, start)) ? '' : ' ';
  // The end of a block text is its last line end; an empty value may stand right before a comment.
  const tail = text.slice(text.charAt(end - 1) === '\n' ? end - 1 : end);
  return `${text.slice(0, start)}${gap}${inline}${/^[\s,\]}]|^$/.test(tail) ? '' : ' '}${tail}`;
}

/** Adds a pair before the first one: its indentation is known there, and nothing that follows the map is in the way. */
function insert(text: string, map: YAMLMap, path: Path, value: Normal): string {
  const [first] = map.items;
  if (map.flow || first === undefined) {
    const [name, ...rest] = path;
    const inline = formatInline(rest.reduceRight<Normal>((inner, step) => new Map([[step, inner]]), value));
    const at = rangeOf(map)[0] + 1;
    return `${text.slice(0, at)}"${name}": ${inline}${first === undefined ? '' : ', '}${text.slice(at)}`;
  }
  const at = startOf(first);
  const column = at - (text.lastIndexOf('\n', at - 1) + 1);
  const indent = ' '.repeat(column);
  return `${text.slice(0, at)}${blockPair(path, value, indent)}\n${indent}${text.slice(at)}`;
}

function blockPair([name, ...rest]: readonly string[], value: Normal, indent: string): string {
  if (rest.length === 0) return `${name}: ${formatInline(value)}`;
  return `${name}:\n${indent}  ${blockPair(rest, value, `${indent}  `)}`;
}

function startOf({ key }: Pair): number {
  return rangeOf(key as Node)[0];
}

function rangeOf(node: Node): [number, number] {
  const [start = 0, end = 0] = node.range ?? [];
  return [start, end];
}

/** The name under which a field stands, null or not. */
function keyIn(names: readonly string[], name: string): string | undefined {
  const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return [name, snake].find((candidate) => names.includes(candidate));
}

/** What the file must mean afterwards: the same as before, with this one field. */
function withField(value: Value, [name, ...rest]: readonly string[], field: Value): Value {
  if (name === undefined) return field;
  const map = value instanceof Map ? new Map(value) : new Map<string, Value>();
  const key = keyIn([...map.keys()], name) ?? name;
  return map.set(key, withField(map.get(key) ?? null, rest, field));
}

function readBack(text: string): Value | undefined {
  try {
    return readGoYaml(text, FILE);
  } catch (error) {
    throw unchangeable(FILE, 'a field', `it could not be read afterwards (${String(error)})`);
  }
}

/** As the YAML reader gives it: whole numbers are bigints there. */
function toPlain(value: Normal): Value {
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(toPlain);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, toPlain(item)]));
  return value;
}
