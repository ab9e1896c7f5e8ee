/**
 * The list of keys in docs/configuration.md, made from src/config/schema.ts: key, default, other values, and comment.
 * `node scripts/configuration-keys.ts` writes it there; test/docs.test.ts fails while the page differs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { leafKeys, schemaAt } from '../src/config/keys.ts';
import { Config } from '../src/config/schema.ts';
import { projectRoot } from './project.ts';

const SCHEMA = join(projectRoot, 'src/config/schema.ts');
const PAGE = join(projectRoot, 'docs/configuration.md');
const MOST_COLUMNS = 120;
const REQUIRED: readonly string[] = ['workloadGroup.namespace', 'workloadGroup.name', 'controlPlane.server'];

/** The page without its list, which stands between the two marks. */
const [BEGIN, END] = ['<!-- keys: begin, made by scripts/configuration-keys.ts -->\n', '\n<!-- keys: end -->'];

export function configurationKeys(): string {
  const meanings = comments();
  const items = leafKeys().map((key) => `- \`${key}\` (${valuesOf(key)}): ${meanings.get(key)}`);
  return items.map(wrap).join('\n');
}

export function listedKeys(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`cannot find the list of keys in ${PAGE}: restore its two marks`);
  return page.slice(begin + BEGIN.length, end).trim();
}

/** The comment right before each key. The schema has the keys in the order of `leafKeys`, and the search follows it. */
function comments(): Map<string, string> {
  const text = readFileSync(SCHEMA, 'utf8');
  let from = 0;
  return new Map(
    leafKeys().map((key) => {
      const pattern = new RegExp(`/\\*\\*((?:(?!\\*/)[^])+)\\*/\\s+${key.split('.').at(-1)}\\b[:,]`, 'g');
      pattern.lastIndex = from;
      const [, comment] = pattern.exec(text) ?? [];
      if (comment === undefined)
        throw new Error(`cannot find the comment of ${key} in ${SCHEMA}: write one before the key`);
      from = pattern.lastIndex;
      return [
        key,
        comment
          .replaceAll(/\n\s+\*/g, ' ')
          .replaceAll(/\s+/g, ' ')
          .trim(),
      ];
    }),
  );
}

/** The default, and the other values that are possible. */
function valuesOf(key: string): string {
  const schema = schemaAt(key.split('.'));
  const given = { workloadGroup: { namespace: 'a', name: 'b' }, controlPlane: { server: 'https://10.0.0.1' } };
  const value = key
    .split('.')
    .reduce<unknown>((inner, name) => (inner as Record<string, unknown>)?.[name], Config.parse(given));
  if (REQUIRED.includes(key)) return 'required';
  if (value === undefined) return 'not set by default';
  const code = (other: unknown) => `\`${typeof other === 'string' ? other : JSON.stringify(other)}\``;
  const others = (all: readonly unknown[]) =>
    `; or ${all
      .filter((other) => other !== value)
      .map(code)
      .join(', ')}`;
  const also =
    schema instanceof z.ZodEnum
      ? others(schema.options)
      : schema instanceof z.ZodBoolean
        ? others([true, false])
        : schema instanceof z.ZodNumber
          ? `; ${schema.minValue} to ${schema.maxValue}`
          : schema instanceof z.ZodRecord
            ? '; a map'
            : '';
  return `default ${code(value)}${also}`;
}

/** Never within code, where a line end would be another text. */
function wrap(item: string): string {
  const lines: string[] = [];
  for (const word of item.match(/(?:`[^`]*`|[^\s`])+/g) ?? []) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < MOST_COLUMNS) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : `  ${word}`);
  }
  return lines.join('\n');
}

if (import.meta.main) {
  const page = readFileSync(PAGE, 'utf8');
  writeFileSync(
    PAGE,
    page.replace(listedKeys(page), () => configurationKeys()),
  );
}
