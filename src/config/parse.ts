/**
 * The text of agent.yaml, parsed strictly: every key and value is checked, and each problem knows its line.
 * `yaml` is imported late: the daemon needs it at the start and at a reload only.
 */
import type { Document, LineCounter, Node, Pair } from 'yaml';
import type { z } from 'zod';
import { nearest } from '../base/nearest.ts';
import { type KeyPath, keysAt, schemaAt } from './keys.ts';
import type { ConfigProblem } from './problem.ts';
import { Config } from './schema.ts';
import { semanticProblems } from './semantics.ts';
import { wrongValue } from './words.ts';

export type ParsedConfig =
  | { problems: readonly []; config: Config; given: KeyPath[]; document: Document }
  /** `document` is null when the text is not YAML. */
  | { problems: readonly [ConfigProblem, ...ConfigProblem[]]; document: Document | null };

/** Parses and checks the text of `file`; never rejects for what the text holds. */
export async function parseConfig(text: string, file: string): Promise<ParsedConfig> {
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const at = (offset: number) => place(lines, offset);

  const broken = [...document.errors, ...document.warnings].map((error): ConfigProblem => {
    const base = { file, ...at(error.pos[0]), key: null };
    if (error.code === 'DUPLICATE_KEY') {
      const [name] = /^[\w.-]{1,64}/.exec(text.slice(error.pos[0])) ?? ['this key'];
      return { ...base, code: 'SMM107', sentence: `${name} appears twice here`, remedy: 'remove one of the two' };
    }
    if (error.code === 'MULTIPLE_DOCS') {
      const sentence = 'a second document begins here';
      return {
        ...base,
        code: 'SMM110',
        sentence,
        remedy: 'keep one document: remove the line --- and what follows it',
      };
    }
    const remedy = 'correct the YAML: indentation, quotes and brackets';
    return { ...base, code: 'SMM103', sentence: `not valid YAML (${firstLower(error.message)})`, remedy };
  });
  if (isNotEmpty(broken)) return { problems: broken, document: null };

  let data: unknown;
  try {
    data = document.toJS() ?? {};
  } catch (error) {
    // An alias without its anchor, or one that would expand without bound.
    const sentence = `not valid YAML (${firstLower((error as Error).message)})`;
    const problem: ConfigProblem = {
      code: 'SMM103',
      file,
      line: 1,
      column: 1,
      key: null,
      sentence,
      remedy: 'write the value out',
    };
    return { problems: [problem], document: null };
  }
  const where = (path: KeyPath, of: 'key' | 'value') => at(offsetOf(document, path, of));
  const result = Config.safeParse(data);
  const issues = result.success ? [] : result.error.issues;
  const problems = [
    ...issues.flatMap((issue) => problemsOf(issue, data, file, where)),
    ...(await semanticProblems(data)).map(({ path, sentence, remedy }): ConfigProblem => {
      return { code: 'SMM105', file, ...where(path, 'value'), key: path.join('.'), sentence, remedy };
    }),
  ].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  if (isNotEmpty(problems)) return { problems, document };
  if (!result.success) throw new Error('a schema that fails names its issues');
  return { problems: [], config: result.data, given: givenPaths(data), document };
}

type Where = (path: KeyPath, of: 'key' | 'value') => { line: number; column: number };

function problemsOf(issue: z.core.$ZodIssue, data: unknown, file: string, where: Where): ConfigProblem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const known = keysAt(path);
      const close = nearest(key, known);
      const remedy = close === null ? `the known keys here are ${known.join(', ')}` : `did you mean "${close}"?`;
      const inner = [...path, key];
      return {
        code: 'SMM104',
        file,
        ...where(inner, 'key'),
        key: inner.join('.'),
        sentence: `unknown key "${key}"`,
        remedy,
      };
    });
  }
  const key = path.join('.') || null;
  const value = valueAt(data, path);
  if (value === undefined) {
    const remedy = REMEDIES[path[0] ?? ''] ?? 'add it';
    return [
      { code: 'SMM106', file, ...where(path.slice(0, -1), 'key'), key, sentence: `the key ${key} is missing`, remedy },
    ];
  }
  return [
    {
      code: 'SMM105',
      file,
      ...where(path, 'value'),
      key,
      ...wrongValue(key ?? 'the file', issue, value, schemaAt(path)),
    },
  ];
}

const REMEDIES: Record<string, string> = {
  workloadGroup: 'run smm-agent set workload-group <namespace> <name>',
  controlPlane: 'run smm-agent set control-plane <url> --ca-file <file>',
};

function valueAt(data: unknown, path: KeyPath): unknown {
  let value = data;
  for (const key of path) {
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  }
  return value;
}

/** Where the key or its value begins; for a key that is missing, the place of the section that lacks it. */
function offsetOf(document: Document, path: KeyPath, of: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let pair: Pair<Node, Node | null> | undefined;
  for (const key of path) {
    const items: unknown = typeof node === 'object' && node !== null && 'items' in node ? node.items : [];
    const found = (items as Pair<Node, Node | null>[]).find((item) => String(item.key) === key);
    if (found === undefined) break;
    pair = found;
    node = found.value;
  }
  const { value = null, key = null } = pair ?? {};
  // An empty value has a place of its own, behind the key: the key is easier to find.
  const isEmpty = value === null || (value.range?.[0] ?? 0) === (value.range?.[1] ?? 0);
  const begins = (of === 'value' && !isEmpty ? value : key)?.range?.[0];
  return begins ?? document.contents?.range?.[0] ?? 0;
}

function place(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** The paths of the values that the file sets itself; all others are defaults. */
function givenPaths(data: unknown, path: KeyPath = []): KeyPath[] {
  if (keysAt(path).length === 0 || typeof data !== 'object' || data === null) return [path];
  return Object.entries(data).flatMap(([key, value]) => givenPaths(value, [...path, key]));
}

function firstLower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function isNotEmpty<T>(list: T[]): list is [T, ...T[]] {
  return list.length > 0;
}
