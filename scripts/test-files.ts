/** Which tests a command runs: the files that were named, or all of its kind. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, runHere } from './project.ts';

/** The real parts; and what needs none but takes long, as everything does that is killed at each of its steps. */
const REAL = /^test\/vm\/|\/kills\.test\.ts$|\.slow\.test\.ts$/;

function testFiles(kind: 'fast' | 'real'): string[] {
  const all = globSync('test/**/*.test.ts', { cwd: projectRoot }).sort();
  return all.filter((file) => REAL.test(file) === (kind === 'real'));
}

/**
 * Runs node's test runner with `options` over the files among `args`, else over all of `kind`. Other arguments go to the runner.
 * Resolves with the exit status; no file at all is a failure, or a wrong pattern would pass for ever.
 */
export async function runTests(
  kind: 'fast' | 'real',
  options: readonly string[],
  args: readonly string[],
): Promise<number> {
  const flags = args.filter((argument) => argument.startsWith('-'));
  const named = args.filter((argument) => !argument.startsWith('-'));
  const files = named.length > 0 ? named : testFiles(kind);
  if (files.length === 0) {
    console.error(`cannot test: there is no test file of this kind (${kind})`);
    return 1;
  }
  // Every file is a process of its own that reads much of the same sources: a quarter less work.
  const env = { NODE_COMPILE_CACHE: join(projectRoot, 'node_modules/.cache/node'), ...process.env };
  return runHere(process.execPath, ['--test', '--test-reporter=spec', ...options, ...flags, ...files], env);
}
