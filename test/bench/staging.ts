/** How long the agent takes to stage a release, beside the shell's tools with the same file from the same server. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ask } from '../../src/daemon/socket/client.ts';
import { buildIstioPackage } from '../sandbox/istio-package.ts';
import type { SandboxMachine } from '../sandbox/machine.ts';
import type { SandboxMesh } from '../sandbox/mesh.ts';
import { until } from '../support/until.ts';
import { end, type Installation } from './installation.ts';
import { ISTIO, makeMachine, startAgent, untilReady } from './machines.ts';

const execute = promisify(execFile);

export interface Staging {
  packageMb: number;
  /** One for each round, in the order measured. Milliseconds. */
  agentMs: number[];
  shellMs: number[];
}

const ROUNDS = 5;
const VERSION = '1.31.1';

/** Both sides leave everything on disk: the agent by fsync of each file, the shell's side by sync of each file. */
const BY_SHELL = `set -eu
curl --silent --show-error --fail --output package.deb "$1"
sha256sum package.deb | grep -q "^$2"
sync package.deb
dpkg-deb --extract package.deb files
find files -type f -exec sync {} +`;

export async function measureStaging(mesh: SandboxMesh, agent: Installation): Promise<Staging> {
  await using machine = await makeMachine(mesh);
  const folder = await mkdtemp(join(tmpdir(), 'smm-bench-'));
  const daemon = startAgent(machine, agent);
  try {
    await untilReady(machine, daemon.pid);
    const content = await largePackage(join(folder, 'package.deb'));
    mesh.downloads.publish(VERSION, content);
    const url = `${mesh.packages}/${VERSION}/deb/istio-sidecar${process.arch === 'arm64' ? '-arm64' : ''}.deb`;
    const sha256 = createHash('sha256').update(content).digest('hex');
    const result: Staging = { packageMb: content.length / 1e6, agentMs: [], shellMs: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      result.shellMs.push(await byShell(folder, url, sha256));
      await mesh.upgrade({ name: 'default', version: VERSION });
      result.agentMs.push(await byAgent(machine));
      await mesh.upgrade({ name: 'default', version: ISTIO });
      await forget(machine);
    }
    return result;
  } finally {
    await end(daemon);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of the size of the real one, with two real programs in it: what Node is made of is as hard to compress as Envoy. */
async function largePackage(file: string): Promise<Buffer> {
  const change = async (tree: string) => {
    await copyFile(process.execPath, join(tree, 'usr/local/bin/envoy'));
    // The stand-in is a script that ends before what follows it is read.
    await appendFile(join(tree, 'usr/local/bin/pilot-agent'), '\nexit 0\n');
    await appendFile(join(tree, 'usr/local/bin/pilot-agent'), (await readFile(process.execPath)).subarray(0, 100e6));
  };
  await buildIstioPackage(file, { version: VERSION, change });
  return readFile(file);
}

async function byShell(folder: string, url: string, sha256: string): Promise<number> {
  const cwd = await mkdtemp(join(folder, 'shell-'));
  const begunMs = performance.now();
  await execute('/bin/sh', ['-c', BY_SHELL, 'sh', url, sha256], { cwd });
  const tookMs = performance.now() - begunMs;
  await rm(cwd, { recursive: true });
  return tookMs;
}

/** The step `stage` alone, in the daemon that runs: from the question for the digest to the link that names the release. */
async function byAgent({ paths }: SandboxMachine): Promise<number> {
  let begunMs: number | null = null;
  let tookMs: number | null = null;
  const answer = await ask(paths.socket, { do: 'reconcile' }, (event) => {
    if (!('step' in event) || event.step !== 'stage') return;
    if (event.kind === 'begun') begunMs = performance.now();
    if (event.kind === 'done' && begunMs !== null) tookMs = performance.now() - begunMs;
  });
  if (tookMs === null) throw new Error(`the agent did not stage: ${answer?.text ?? 'no agent answers'}`);
  return tookMs;
}

/** Back to the release that runs, with nothing left of the other one that a second staging could make use of. */
async function forget({ paths }: SandboxMachine): Promise<void> {
  const settle = () => ask(paths.socket, { do: 'reconcile' }, () => {});
  await settle();
  await rm(paths.staged, { force: true });
  for (const name of await readdir(paths.releases)) {
    if (name.startsWith(`${VERSION}-`)) await rm(join(paths.releases, name), { recursive: true });
  }
  await rm(paths.downloads, { recursive: true, force: true });
  await until('an agent that is ready again', settle, (answer) => answer?.ok === true);
}
