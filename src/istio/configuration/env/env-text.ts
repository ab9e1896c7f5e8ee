/**
 * Cuts a file that bash sources into entries: those that can
 * be understood without running it, and others, kept verbatim.
 */

/** `text` is the entry with its line end(s). Only of an assignment the value is known. */
export type EnvEntry =
  | { kind: 'assignment'; key: string; value: string; isExported: boolean; line: number; text: string }
  | { kind: 'comment'; line: number; text: string }
  | { kind: 'other'; line: number; text: string };

/**
 * Bare characters that bash takes as they are in an assignment: no expansion, no end of the word. A tilde may expand.
 */
const BARE = /[^\s'"\\$`;&|<>()~]/;
const WORD = new RegExp(`(?:${BARE.source}|'[^']*'|"[^"\\\\$\`]*")*`);
const ASSIGNMENT = new RegExp(
  `^[ \\t]*(export[ \\t]+)?([A-Za-z_][A-Za-z0-9_]*)=(${WORD.source})[ \\t]*(?:[ \\t]#[^\\n]*)?\\n?$`,
);
const WORD_PART = /'([^']*)'|"([^"]*)"|([^'"]+)/g;
/**
 * Up to the end of a block, an assignment may depend on a
 * condition, be text of a here-document, or belong to a function.
 */
const OPENS_BLOCK = /^[ \t]*(?:if|for|while|until|case|select|function|\{|[\w.:-]+[ \t]*\(\))(?:[ \t\n;{(]|$)|<</;
const CLOSES_BLOCK = /(?:^|[\s;])(?:fi|esac|done|\})(?=$|[\s;&|>)])/;

/**
 * The entries of a file; their texts together are the file. `isClosed` is false when a quote is still open at its end.
 */
export function readEnvText(text: string): { entries: EnvEntry[]; isClosed: boolean } {
  const entries: EnvEntry[] = [];
  let offset = 0;
  let line = 1;
  while (offset < text.length) {
    const rest = text.slice(offset);
    const { length, isClosed } = commandLength(rest);
    let command = rest.slice(0, length);
    const entry = understand(command, line);
    const block = entry.kind === 'other' && OPENS_BLOCK.test(command) ? blockLength(rest) : length;
    const isWhole = isClosed && block !== null;
    if (!isWhole || block !== length) {
      command = isWhole ? rest.slice(0, block) : rest;
      entry.text = command;
    }
    entries.push(entry);
    if (!isWhole) return { entries, isClosed: false };
    offset += command.length;
    line += command.split('\n').length - 1;
  }
  return { entries, isClosed: true };
}

/** The value that each key has for bash after the assignments that are understood. */
export function knownValues(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const entry of readEnvText(text).entries) if (entry.kind === 'assignment') values.set(entry.key, entry.value);
  return values;
}

/** The last entry that sets the key or may set it: an entry that is not understood and names the key may. */
export function lastMention(entries: readonly EnvEntry[], key: string): EnvEntry | undefined {
  const name = new RegExp(`(?<![A-Za-z0-9_])${key}(?![A-Za-z0-9_])`);
  return entries.findLast((entry) => {
    if (entry.kind === 'assignment') return entry.key === key;
    return entry.kind === 'other' && name.test(entry.text);
  });
}

function understand(text: string, line: number): EnvEntry {
  if (/^[ \t]*(?:#[^\n]*)?\n?$/.test(text)) return { kind: 'comment', line, text };
  const [, exported, key, word = ''] = ASSIGNMENT.exec(text) ?? [];
  if (key === undefined) return { kind: 'other', line, text };
  const value = word.replaceAll(WORD_PART, (_part, single, double, bare) => single ?? double ?? bare);
  return { kind: 'assignment', key, value, isExported: exported !== undefined, line, text };
}

/**
 * Length of a block, up to the last line of the file that may close any block:
 * one block too long is the safe side. Null when no line may close one.
 */
function blockLength(text: string): number | null {
  const words = new Set([...text.matchAll(/<<-?[ \t]*['"\\]?([\w.-]+)/g)].map(([, word]) => word));
  let length: number | null = null;
  let offset = 0;
  for (const line of text.split(/(?<=\n)/)) {
    offset += line.length;
    if (words.has(line.trim()) || CLOSES_BLOCK.test(line.trimEnd())) length = offset;
  }
  return length;
}

/**
 * Length of the first command with its line end: a newline in quotes, after a backslash or in `$( )` does not end it.
 */
function commandLength(text: string): { length: number; isClosed: boolean } {
  let quote = '';
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (quote === "'") {
      if (character === "'") quote = '';
    } else if (character === '\\') {
      at += 1;
    } else if (quote !== '') {
      if (character === quote.at(-1)) quote = '';
    } else if (character === "'" && text.charAt(at - 1) === '$') {
      quote = "$'";
    } else if (character === "'" || character === '"' || character === '`') {
      quote = character;
    } else if (character === '#' && depth === 0 && /^$|[\s;&|]/.test(text.slice(Math.max(0, at - 1), at))) {
      at = text.indexOf('\n', at) - 1;
      if (at < 0) return { length: text.length, isClosed: true };
    } else if (character === '(') {
      depth += 1;
    } else if (character === ')') {
      depth = Math.max(0, depth - 1);
    } else if (character === '\n' && depth === 0) {
      return { length: at + 1, isClosed: true };
    }
  }
  return { length: text.length, isClosed: quote === '' && depth === 0 };
}
