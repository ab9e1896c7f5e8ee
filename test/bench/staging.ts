/**
 * How long the agent takes to stage a release, compared with shell tools that use the same file from the same server.
 */
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
  /** One value for each round, in milliseconds. */
  agentMs: number[];
  shellMs: number[];
}

const ROUNDS = 5;
const VERSION = '1.31.1';

/** In both cases everything is on disk at the end: the agent uses fsync for each file, the shell sync for each file. */
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

/** As large as a real package, with two real programs: Node is as hard to compress as Envoy. */
async function largePackage(file: string): Promise<Buffer> {
  const change = async (tree: string) => {
    await copyFile(process.execPath, join(tree, 'usr/local/bin/envoy'));
    // The stand-in is a script, which ends before the shell reads the appended bytes.
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

/** Only the step `stage` in the running daemon: from the request for the digest to the link to the release. */
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

/** Returns to the running release, and removes everything of the other one that a second staging could use. */
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
