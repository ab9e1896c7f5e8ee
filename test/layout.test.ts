/** The house: its stack of rooms, no circle of imports, and no room too full to be looked through. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../scripts/project.ts';

/** From the top to the bottom: a room imports from lower lines only. docs/architecture.md says what each knows. */
const STACK = [
  'cli',
  'operator',
  'daemon',
  'turn',
  'status',
  'decision, history',
  'observation',
  'versions',
  'downloads, control-plane',
  'istio',
  'config',
  'host',
  'base',
].map((line) => line.split(', '));
const MOST_FILES = 20;
/** A file for each command: one looks for a name there, and does not read through. */
const FULL = ['src/cli'];

const sources = globSync(['src/**/*.ts', 'publisher/**/*.ts', 'packaging/**/*.ts', 'scripts/**/*.ts', 'test/**/*.ts'], {
  cwd: projectRoot,
}).sort();
const imports = new Map(sources.map((file) => [file, importsOf(file)]));

/** Late imports count: a reader follows them, too. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(projectRoot, file), 'utf8');
  return [...text.matchAll(/(?:\bfrom |\bimport\(|^import )'(\.[^']+)'/gm)].map(([, path = '']) =>
    normalize(join(dirname(file), path)),
  );
}

/** The room of src that a file lies in; null of other files. */
function roomOf(file: string): string | null {
  return /^src\/([^/]+)\//.exec(file)?.[1] ?? null;
}

/** A way from `file` back to it, null where there is none. `seen`: files that lead into no circle. */
function circleFrom(file: string, way: readonly string[], seen: Set<string>): readonly string[] | null {
  const begin = way.indexOf(file);
  if (begin >= 0) return [...way.slice(begin), file];
  if (seen.has(file)) return null;
  for (const next of imports.get(file) ?? []) {
    const circle = circleFrom(next, [...way, file], seen);
    if (circle !== null) return circle;
  }
  seen.add(file);
  return null;
}

describe('the layout', () => {
  it('has every room of src in the stack', () => {
    const rooms = new Set(sources.map(roomOf).filter((room) => room !== null));
    assert.deepEqual([...rooms].sort(), STACK.flat().sort());
  });

  it('imports downwards only', () => {
    const height = (room: string) => STACK.findIndex((line) => line.includes(room));
    const upwards = sources.flatMap((file) =>
      (imports.get(file) ?? []).flatMap((imported) => {
        const [from, to] = [roomOf(file), roomOf(imported)];
        if (from === null) return [];
        if (to !== null && (from === to || height(from) < height(to))) return [];
        if (imported === 'package.json') return [];
        const where = to === null ? 'src' : `the room ${to}, or one above it`;
        return [`${file} imports ${imported}: what needs both belongs to ${where}`];
      }),
    );
    assert.deepEqual(upwards, []);
  });

  it('has no circle of imports', () => {
    const seen = new Set<string>();
    const circles = sources.flatMap((file) => circleFrom(file, [], seen)?.join(' -> ') ?? []);
    assert.deepEqual(circles, [], 'a type that two files share lies in a file that imports neither');
  });

  it(`has no folder of more than ${MOST_FILES} files`, () => {
    const perFolder = Map.groupBy(sources, dirname);
    const full = [...perFolder].filter(([folder, { length }]) => length > MOST_FILES && !FULL.includes(folder));
    assert.deepEqual(
      full.map(([folder, { length }]) => `${folder}: ${length}`),
      [],
    );
  });
});
