/** Writes a mesh file so that YAML 1.1 and 1.2 read the same: every string in double quotes, keys sorted. */
import { Document, isScalar } from 'yaml';
import type { Normal } from './go/normalise.ts';
import { compareUtf8 } from './go/quote.ts';

/**
 * Go's yaml refuses DEL and C1, and takes U+0085, U+2028 and U+2029 for line ends. In double quotes they can all be
 * escaped, and they can be nowhere else in this file.
 */
const ESCAPED = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/**
 * The text of a mesh file that holds only this `defaultConfig`.
 * The same message gives the same text, in any order.
 */
export function formatMesh(defaultConfig: Normal): string {
  const document = new Document(new Map([['defaultConfig', defaultConfig]]), {
    aliasDuplicateObjects: false,
    sortMapEntries: (a, b) => compareUtf8(keyOf(a.key), keyOf(b.key)),
  });
  const text = document.toString({
    lineWidth: 0,
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'QUOTE_DOUBLE',
    doubleQuotedAsJSON: true,
  });
  return escapeForGo(text);
}

/** A value as JSON on one line that Go's yaml reads, for a file that the agent did not write. */
export function formatInline(value: Normal): string {
  return escapeForGo(JSON.stringify(plain(value)));
}

function escapeForGo(text: string): string {
  return text.replaceAll(ESCAPED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function plain(value: Normal): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  return value;
}

function keyOf(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}
