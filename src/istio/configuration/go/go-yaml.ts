/**
 * Reads YAML and JSON as Istio does: with Go's yaml v2. The `yaml` library parses (strings only), and this file gives
 * the scalars, keys, merges and aliases their meaning.
 */
import {
  Composer,
  CST,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { unreadableYaml } from '../problem.ts';
import { keyText, resolveScalar, type Value } from './go-scalar.ts';

/**
 * A mesh of a thousand lines has 40 KB. The parser needs 20 ms and 0.7 MB of memory for each KB of the worst texts
 * (lists in one line), and blocks everything else meanwhile: a larger text is not parsed at all. Bytes.
 */
const MAX_BYTES = 256 * 1024;
/** The text comes from the control plane: aliases of aliases must not fill the agent's memory. */
const MAX_NODES = 200_000;
// C0 without tab and line ends, and code points that are no characters. Go refuses DEL and C1 too; here they are
// accepted, since they do no harm in a quoted string.
const FORBIDDEN = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
// Escapes of JSON that Go's yaml does not know: an annotation written with them is refused by Istio.
const UNKNOWN_ESCAPE = /(?<!\\)(?:\\\\)*\\(?:\/|u[dD][89a-fA-F]|U0000[dD][89a-fA-F])/;
/** Line ends of YAML 1.1 that the library, which reads YAML 1.2, takes for characters. */
const LINE_SEPARATOR = /[\u2028\u2029]/;
const SEPARATOR = new RegExp(LINE_SEPARATOR, 'g');
const SEPARATORS = /[ \t]*(?:\n[ \t]*)*[\u2028\u2029](?:[ \t]*[\n\u2028\u2029])*[ \t]*/g;
const ESCAPE_OR_SEPARATORS = new RegExp(`\\\\[^]|${SEPARATORS.source}`, 'g');
/** Stands for a line end that the library must not fold; it is FORBIDDEN in a text, so no text holds it already. */
const KEPT_LINE_END = '\0';
const DIRECTIVE = /^%(?:YAML|TAG)[ \t]/;

/**
 * The value of the first document; an empty text is null. `where` names the text in errors.
 * Throws SMM302 when Istio could not read it, and for one that is longer than `maxBytes`.
 */
export function readGoYaml(text: string, where: string, maxBytes = MAX_BYTES): Value {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw unreadableYaml(where, `it has ${bytes} bytes; at most ${maxBytes} are read`);
  try {
    const document = firstDocument(text.toWellFormed());
    return document === null ? null : new Reader(document).read(document.contents as Node | null);
  } catch (error) {
    throw unreadableYaml(where, error instanceof Error ? error.message : String(error));
  }
}

/** All scalars are strings, the last of two equal keys counts. */
const PARSE_OPTIONS = {
  version: '1.1',
  schema: 'failsafe',
  resolveKnownTags: false,
  uniqueKeys: false,
  merge: false,
  keepSourceTokens: true,
  logLevel: 'silent',
} as const;

/**
 * Later documents are not parsed: Go ignores them. Offsets in
 * the nodes are those of `text` with `\n` for each line end.
 */
export function firstDocument(text: string): Document | null {
  const found = FORBIDDEN.exec(text);
  if (found !== null) throw new Error(`character ${found[0].codePointAt(0)?.toString(16)} (hex) is not allowed`);
  const lines = new LineCounter();
  const composer = new Composer({ ...PARSE_OPTIONS, lineCounter: lines });
  // U+0085 ends a line in YAML 1.1.
  const source = text.replaceAll(/\r\n?|\u0085/g, '\n');
  for (const document of compose(composer, new Parser(lines.addNewLine).parse(source))) {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`line ${lines.linePos(error.pos[0]).line}: ${error.message}`);
    const { explicit, version } = document.directives?.yaml ?? {};
    if (explicit && version !== '1.1') throw new Error(`%YAML ${version} is not read by Istio`);
    requireQuotedSeparators(document, source, lines);
    return document;
  }
  return null;
}

/**
 * U+2028 and U+2029 are accepted in quotes only, where they are folded as Go does it (`folded`). In a comment, a plain
 * or a block scalar they end the line for Go but not for the library, so that the rest of the line means something else
 * to Istio. They get there unseen, with a copy from a web page.
 */
function requireQuotedSeparators(document: Document, source: string, lines: LineCounter): void {
  if (!LINE_SEPARATOR.test(source)) return;
  const quoted: [number, number][] = [];
  visit(document, {
    Scalar(_key, { srcToken: token }) {
      if (token !== undefined && isQuoted(token)) quoted.push([token.offset, token.offset + token.source.length]);
    },
  });
  for (const { index } of source.slice(0, document.range?.[2]).matchAll(SEPARATOR)) {
    if (quoted.some(([from, to]) => from <= index && index < to)) continue;
    const code = source.codePointAt(index)?.toString(16);
    throw new Error(
      `line ${lines.linePos(index).line}: U+${code} outside of quotes, where Istio reads the end of a line; remove the character`,
    );
  }
}

function isQuoted(token: CST.Token): token is CST.FlowScalar {
  return token.type === 'double-quoted-scalar' || token.type === 'single-quoted-scalar';
}

/** Ends after the first document: Go ignores everything after it, valid or not. */
function* compose(composer: Composer, tokens: Iterable<CST.Token>): Generator<Document> {
  for (const token of tokens) {
    if (token.type === 'directive' && !DIRECTIVE.test(token.source)) throw new Error(`${token.source} is unknown`);
    yield* composer.next(token);
    if (token.type === 'document') break;
  }
  yield* composer.end();
}

/** Reads one document. */
class Reader {
  readonly #anchored: ReadonlyMap<Node, Node>;
  readonly #open = new Set<Node>();
  #nodes = 0;

  constructor(document: Document) {
    this.#anchored = resolveAliases(document);
  }

  read(node: Node | null): Value {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES) throw new Error('it is too large, or has too many aliases');
    if (node === null) return null;
    if (isAlias(node)) return this.#inAlias(node, (target) => this.read(target));
    if (isMap(node)) return this.#fill(node, new Map());
    if (isSeq(node)) return this.#list(node);
    if (isScalar(node)) return readScalar(node);
    throw new Error('it holds a node of an unknown kind');
  }

  #list(node: YAMLSeq): Value[] {
    return node.items.map((item) => this.read(item as Node | null));
  }

  /** Go merges at the place of the `<<`: it overrides the keys before it, and the keys after it override it. */
  #fill(node: YAMLMap, into: Map<string, Value>): Map<string, Value> {
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const key = pair.key as Node | null;
      if (isMergeKey(key)) {
        this.#merge(pair.value as Node | null, into);
        continue;
      }
      const value = this.read(key);
      const name = value instanceof Map || Array.isArray(value) ? null : keyText(value);
      if (name === null) throw new Error('a key is null, a list, a map or too large a number');
      into.set(name, this.read(pair.value as Node | null));
    }
    return into;
  }

  #merge(node: Node | null, into: Map<string, Value>): void {
    // Earlier members of a list of maps take precedence.
    const sources = isSeq(node) ? (node.items as Node[]).toReversed() : [node];
    for (const source of sources) {
      const fill = (target: Node | null) => {
        if (!isMap(target)) throw new Error('<< needs a map or a list of maps');
        this.#nodes += 1;
        this.#fill(target, into);
      };
      if (isAlias(source)) this.#inAlias(source, fill);
      else fill(source);
    }
  }

  #inAlias<T>(alias: Node, read: (target: Node) => T): T {
    const target = this.#anchored.get(alias);
    if (target === undefined) throw new Error('an alias names no anchor before it');
    if (this.#open.has(alias)) throw new Error('an anchor contains itself');
    this.#open.add(alias);
    try {
      return read(target);
    } finally {
      this.#open.delete(alias);
    }
  }
}

/** Each alias with its target: the last node before it that carries its anchor. */
function resolveAliases(document: Document): ReadonlyMap<Node, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Node, Node>();
  visit(document, {
    Node(_key, node) {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if ('anchor' in node && typeof node.anchor === 'string') {
        anchors.set(node.anchor, node as Node);
      }
    },
  });
  return targets;
}

function readScalar(node: Scalar): Value {
  const text = String(node.source ?? node.value ?? '');
  const token = node.srcToken;
  if (token?.type === 'double-quoted-scalar' && UNKNOWN_ESCAPE.test(token.source)) {
    throw new Error('\\/ or half of a surrogate pair is escaped; Istio reads only the character itself');
  }
  if (token !== undefined && isQuoted(token) && LINE_SEPARATOR.test(token.source)) return folded(token);
  const isPlain = node.type === undefined || node.type === 'PLAIN';
  if (token?.type === 'block-scalar' && !token.source.endsWith('\n')) return text.replace(/\n$/, '');
  if (node.tag === undefined && !isPlain) return text;
  return resolveScalar(text, node.tag ?? '');
}

/**
 * A quoted scalar over lines that end with U+2028 or U+2029: these characters stay, the blanks around them go, and a
 * line end beside them does not count. From go.yaml.in/yaml/v2, yaml_parser_scan_flow_scalar.
 */
function folded(token: CST.FlowScalar): string {
  const isDouble = token.type === 'double-quoted-scalar';
  const source = token.source.replaceAll(isDouble ? ESCAPE_OR_SEPARATORS : SEPARATORS, (run) => {
    if (run.startsWith('\\')) return run;
    const [first = '', ...others] = run.replaceAll(/[ \t]/g, '');
    const breaks = first === '\n' ? others : [first, ...others];
    // The library would fold a real line end again.
    return breaks.join('').replaceAll('\n', KEPT_LINE_END);
  });
  const { value } = CST.resolveAsScalar({ ...token, source });
  return value.replaceAll(KEPT_LINE_END, '\n');
}

function isMergeKey(key: Node | null): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.source === '<<' && key.tag === undefined;
}
