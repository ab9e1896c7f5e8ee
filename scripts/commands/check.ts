/**
 * `npm run check`: formatting, lint, types, unused code, shell
 * scripts. All of them run, so that one run shows everything.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, runHere } from '../project.ts';

const SKIPPED = new Set(['node_modules', '.git', 'build']);
const BIN = join(projectRoot, 'node_modules', '.bin');

/** Every file that begins as a shell script, under any name. */
function shellScripts(): string[] {
  const entries = readdirSync(projectRoot, { recursive: false, withFileTypes: true }).filter(
    ({ name }) => !SKIPPED.has(name),
  );
  const files = entries.flatMap((entry) =>
    entry.isDirectory()
      ? readdirSync(join(projectRoot, entry.name), { recursive: true, withFileTypes: true })
          .filter((inner) => inner.isFile())
          .map((inner) => join(inner.parentPath, inner.name))
      : entry.isFile()
        ? [join(projectRoot, entry.name)]
        : [],
  );
  return files.filter((file) => /^#!.*\b(sh|bash|dash)\b/.test(readFileSync(file, 'utf8').slice(0, 80))).sort();
}

async function shellcheck(): Promise<number> {
  try {
    return await runHere('shellcheck', ['--external-sources', ...shellScripts()]);
  } catch (error) {
    console.error(
      `cannot run shellcheck (${(error as Error).message}): install it, for example with apt-get install shellcheck`,
    );
    return 1;
  }
}

const checks: Record<string, () => Promise<number>> = {
  'formatting and lint (biome)': () => runHere(join(BIN, 'biome'), ['ci', '--colors=off']),
  'types (tsc)': () => runHere(join(BIN, 'tsc'), ['--pretty', 'false']),
  'unused code (knip)': () => runHere(join(BIN, 'knip'), ['--no-progress']),
  'shell scripts (shellcheck)': shellcheck,
};

const failed: string[] = [];
for (const [name, check] of Object.entries(checks)) {
  console.log(`--- ${name}`);
  if ((await check()) !== 0) failed.push(name);
}
console.log(failed.length === 0 ? 'check: all passed' : `check: failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
