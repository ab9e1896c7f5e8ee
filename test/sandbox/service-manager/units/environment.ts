/**
 * `Environment=` and `EnvironmentFile=`, as pairs. Files have precedence over assignments, later ones over earlier
 * ones.
 */
import { readFileSync } from 'node:fs';
import { splitWords } from './words.ts';

export function toEnvironment(assignments: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    assignments
      .filter((text) => text.includes('='))
      .map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]),
  );
}

/** Reads an EnvironmentFile. Throws if it is missing and not optional. */
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
  // Unlike in a unit file, a value with blanks needs no quotes.
  return toEnvironment(
    lines.map((line) => line.trim().replace(/=(.*)$/s, (_, value: string) => `=${splitWords(value).join(' ')}`)),
  );
}
