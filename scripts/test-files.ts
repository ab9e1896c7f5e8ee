/** Which tests a command runs: the named files, or all of its kind. */
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot, runHere } from './project.ts';

/** Tests of the real parts, and tests that need none of those but take long, such as a kill at each step. */
const REAL = /^test\/vm\/|\/kills\.test\.ts$|\.slow\.test\.ts$/;

/**
 * Small tests share one process for all files of a kind: a process for each file took longer than its tests. They must
 * restore what they change in the process: environment, umask and folder.
 */
const SHARED = {
  agent: /^test\/(daemon|turn|status|decision|history|observation)\//,
  cli: /^test\/(cli|config|base)\//,
  host: /^test\/host\//,
  istio: /^test\/istio\/[^/]*$/,
  activation: /^test\/istio\/activation\//,
  configuration: /^test\/istio\/configuration\//,
  versions: /^test\/versions\//,
};

function testFiles(kind: 'fast' | 'real'): string[] {
  const all = globSync('test/**/*.test.ts', { cwd: projectRoot }).sort();
  return all.filter((file) => REAL.test(file) === (kind === 'real'));
}

/**
 * The files to run instead of these: for each kind of SHARED
 * one file below `folder`, which imports all files of the kind.
 */
function withShared(files: readonly string[], folder: string): string[] {
  const shared = Object.entries(SHARED).map(([kind, pattern]) => {
    const imports = files.filter((file) => pattern.test(file)).map((file) => pathToFileURL(join(projectRoot, file)));
    const all = join(folder, `${kind}.test.mjs`);
    writeFileSync(all, imports.map((url) => `import '${url}';\n`).join(''));
    return all;
  });
  return [...shared, ...files.filter((file) => !Object.values(SHARED).some((pattern) => pattern.test(file)))];
}

/**
 * Runs node's test runner with `options` over the files among `args`, else over all of `kind`. Other arguments go to
 * the runner. Resolves with the exit status; no file at all is a failure, or a wrong pattern would pass unnoticed.
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
  // Every file is a process of its own, and most processes read
  // the same sources: the cache saves a quarter of the work.
  const env = { NODE_COMPILE_CACHE: join(projectRoot, 'node_modules/.cache/node'), ...process.env };
  const folder = mkdtempSync(join(tmpdir(), 'smm-tests-'));
  try {
    const run = named.length > 0 || kind === 'real' ? files : withShared(files, folder);
    return await runHere(process.execPath, ['--test', '--test-reporter=spec', ...options, ...flags, ...run], env);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
