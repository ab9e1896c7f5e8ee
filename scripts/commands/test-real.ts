/**
 * `npm run test:real [-- <files or flags>]`: the tests on the real parts. The lab's setup builds and caches them,
 * installs the distribution's programs that it needs, and says what it does. This file only checks what the lab cannot
 * install itself.
 */
import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { runTests } from '../test-files.ts';

/** Each file boots machines of its own, and mostly waits for them. */
const SIDE_BY_SIDE = process.env.SMM_TEST_CONCURRENCY ?? String(Math.min(availableParallelism() + 1, 4));

/** The runner's limit counts for a whole file too. Milliseconds. */
const LONGEST_FILE_MS = 1_800_000;

/** Go is often installed outside of the PATH of a CI job. */
const GO_FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/go/bin', '/usr/lib/go/bin'];

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(String((error as NodeJS.ErrnoException).code))) return false;
    throw error;
  }
}

function lacking(): string[] {
  const go = GO_FOLDERS.find((folder) => isExecutable(join(folder, 'go')));
  if (go !== undefined && !(process.env.PATH ?? '').split(delimiter).includes(go)) {
    process.env.PATH = `${process.env.PATH}${delimiter}${go}`;
  }
  return [
    ...(process.platform === 'linux' ? [] : ['Linux: the tests use network namespaces, systemd and iptables']),
    ...(process.getuid?.() === 0 ? [] : ['root: it makes network namespaces and boots machines']),
    ...(isExecutable('/usr/bin/apt-get') ? [] : ['apt-get: the machines that it boots are Debian']),
    ...(go === undefined
      ? ['Go 1.26 or later: istiod, pilot-agent and the API server are built from their sources']
      : []),
  ];
}

const reasons = lacking();
if (reasons.length > 0) {
  console.error(
    `cannot run the tests on the real parts. Missing:\n${reasons.map((reason) => `  - ${reason}`).join('\n')}`,
  );
  process.exitCode = 1;
} else {
  const options = [
    '--test-global-setup=test/vm/lab/setup.ts',
    `--test-concurrency=${SIDE_BY_SIDE}`,
    `--test-timeout=${LONGEST_FILE_MS}`,
  ];
  process.exitCode = await runTests('real', options, process.argv.slice(2));
}
