/** `Environment=` and `EnvironmentFile=`, as pairs. Files win over assignments, the later over the earlier. */
import { readFileSync } from 'node:fs';
import { splitWords } from './words.ts';

export function toEnvironment(assignments: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    assignments
      .filter((text) => text.includes('='))
      .map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]),
  );
}

/** Rejects nothing that is optional and missing; a file that must be there and is not, throws. */
export function readEnvironmentFiles(files: readonly { path: string; isOptional: boolean }[]): Record<string, string> {
  return Object.assign({}, ...files.map(({ path, isOptional }) => readOne(path, isOptional)));
}

function readOne(path: string, isOptional: boolean): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isOptional && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  const lines = text.split('\n').filter((line) => /^\s*[A-Za-z_]\w*=/.test(line));
  // Unlike in a unit file, blanks need no quotes here: the words are one value.
  return toEnvironment(
    lines.map((line) => line.trim().replace(/=(.*)$/s, (_, value: string) => `=${splitWords(value).join(' ')}`)),
  );
}
