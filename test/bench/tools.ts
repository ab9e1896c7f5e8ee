/**
 * The reference for an upgrade: curl, sha256sum and tar, with the Zstandard of a Node that does nothing else, because
 * not every system has a program for Zstandard. In both cases everything is on disk at the end.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AgentRepository } from '../sandbox/agent-repository.ts';

const UNPACK = 'process.stdin.pipe(require("node:zlib").createZstdDecompress()).pipe(process.stdout)';

/** Arguments: node, the CA file, then the URL and the SHA-256 of each archive. */
const BY_TOOLS = `set -eu
node=$1 ca=$2
shift 2
while [ $# -gt 0 ]; do
  curl --silent --show-error --fail --cacert "$ca" --output archive "$1"
  sha256sum archive | grep -q "^$2"
  sync archive
  mkdir files
  "$node" -e '${UNPACK}' <archive | tar --extract --directory files
  find files -type f -exec sync {} +
  rm -r files archive
  shift 2
done`;

/** The milliseconds that the tools need to fetch, check and unpack these targets. They work in `folder`. */
export async function fetchByTools(
  repository: AgentRepository,
  targets: readonly string[],
  folder: string,
): Promise<number> {
  const cwd = await mkdtemp(join(folder, 'tools-'));
  const ca = join(folder, 'ca.crt');
  await writeFile(ca, repository.ca);
  const files = targets.flatMap((target) => {
    const { path, sha256 } = repository.served(target);
    return [`${repository.url}/${path}`, sha256];
  });
  const begunMs = performance.now();
  await promisify(execFile)('/bin/sh', ['-c', BY_TOOLS, 'sh', process.execPath, ca, ...files], { cwd });
  const tookMs = performance.now() - begunMs;
  await rm(cwd, { recursive: true });
  return tookMs;
}
