/**
 * One edit of agent.yaml as its author would make it: only that value or line changes, and no other byte. Printing the
 * whole document again would keep the comments too, but move some of them.
 */
import {
  Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  stringify,
  type YAMLMap,
} from 'yaml';
import type { Edit } from './document.ts';

const PRINTED = { lineWidth: 0 } as const;

/**
 * The text with the edit in it, or null when the edit takes more than one value or some new lines (flow maps, removals,
 * aliases, ...). The caller must check what the result means: this function only changes text.
 */
export function editText(text: string, { path, value }: Edit): string | null {
  if (value === undefined) return null;
  const { contents } = parseDocument(text, { logLevel: 'error' });
  let node: unknown = contents;
  let parent: { pair: Pair<Node, Node | null>; indent: number } | null = null;
  for (const [depth, key] of path.entries()) {
    const rest = path.slice(depth);
    if (node === null || (isScalar(node) && node.value === null)) return below(text, parent, rest, value);
    if (!isMap(node)) return null;
    const pair: Pair<Node, Node | null> | undefined = pairs(node).find((item) => String(item.key) === key);
    if (pair === undefined && node.flow === true) return null;
    const indent = columnOf(text, pairs(node)[0]?.key.range?.[0] ?? 0);
    if (pair === undefined) return addLines(text, endOf(pairs(node).at(-1)), indent, rest, value);
    parent = { pair, indent };
    node = pair.value;
  }
  return replaceScalar(text, node, value);
}

function replaceScalar(text: string, node: unknown, value: unknown): string | null {
  if (
    !isScalar(node) ||
    node.value === null ||
    node.range == null ||
    node.anchor !== undefined ||
    node.tag !== undefined
  )
    return null;
  const scalar = new Scalar(value);
  const isQuoted = node.type === Scalar.QUOTE_DOUBLE || node.type === Scalar.QUOTE_SINGLE;
  if (typeof value === 'string' && isQuoted && node.type !== undefined) scalar.type = node.type;
  const printed = typeof value === 'object' && value !== null ? null : new Document(scalar).toString(PRINTED).trimEnd();
  if (printed === null || printed.includes('\n')) return null;
  return text.slice(0, node.range[0]) + printed + text.slice(node.range[1]);
}

/** For `poll:` with nothing below it, and for a file of comments. */
function below(
  text: string,
  parent: { pair: Pair<Node, Node | null>; indent: number } | null,
  rest: readonly string[],
  value: unknown,
) {
  if (parent !== null) return addLines(text, endOf(parent.pair), parent.indent + 2, rest, value);
  const gap = text.trim() === '' ? '' : '\n';
  return `${text.trimEnd()}${text.trim() === '' ? '' : '\n'}${gap}${printedLines(0, rest, value)}`;
}

/** New lines behind the line that `offset` lies in. */
function addLines(text: string, offset: number, indent: number, path: readonly string[], value: unknown): string {
  const lineEnd = offset > 0 && text[offset - 1] === '\n' ? offset - 1 : text.indexOf('\n', offset);
  const [before, after] = lineEnd < 0 ? [`${text}\n`, ''] : [text.slice(0, lineEnd + 1), text.slice(lineEnd + 1)];
  return before + printedLines(indent, path, value) + after;
}

function printedLines(indent: number, path: readonly string[], value: unknown): string {
  const nested = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  return stringify(nested, PRINTED).replace(/^(?=.)/gm, ' '.repeat(indent));
}

/** Where the last node of a pair ends; a comment behind it is not included. */
function endOf(pair: Pair<Node, Node | null> | undefined): number {
  const { value = null, key } = pair ?? {};
  if ((isMap(value) || isSeq(value)) && value.flow !== true && value.items.length > 0) {
    const last: unknown = value.items.at(-1);
    return isMap(value) ? endOf(last as Pair<Node, Node | null>) : ((last as Node).range?.[1] ?? 0);
  }
  return value?.range?.[1] ?? key?.range?.[1] ?? 0;
}

function pairs(map: YAMLMap): Pair<Node, Node | null>[] {
  return map.items as Pair<Node, Node | null>[];
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1);
}
