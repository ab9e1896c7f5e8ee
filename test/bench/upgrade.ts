/**
 * The cost of an upgrade of the agent, with and without a new Node: bytes, time and memory, compared with tools that
 * fetch and unpack the same files from the same server. The archives are the real ones. systemd is the embedded one,
 * with the real unit and scripts.
 */
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildAgentArchive, buildRuntimeArchive } from '../../packaging/artifacts.ts';
import { ask } from '../../src/daemon/socket/client.ts';
import { readProbation } from '../../src/versions/probation.ts';
import { REPOSITORY_CA, trustRepository } from '../sandbox/agent-install.ts';
import { type AgentRepository, downloadsOf } from '../sandbox/agent-repository.ts';
import { AGENT_UNIT, versionContents } from '../sandbox/agent-versions.ts';
import { HOST_ARCHITECTURE } from '../sandbox/istio-package.ts';
import type { SandboxMachine } from '../sandbox/machine.ts';
import type { SandboxMesh } from '../sandbox/mesh.ts';
import { until } from '../support/until.ts';
import { makeMachine, untilReady } from './machines.ts';
import { Peak } from './peak.ts';
import { factsOf } from './process-facts.ts';
import { fetchByTools } from './tools.ts';
import { Transfers } from './transfers.ts';

export interface Upgrade {
  /** The bytes in the bodies of all answers of the repository, including its metadata. */
  bytes: number;
  /** The milliseconds from the poll that reads the new ConfigMap to READY of the new version. */
  totalMs: number;
  /** The part of that time in which archives were sent. */
  downloadMs: number;
  /** The time from the stop of the old version to READY. */
  restartMs: number;
  /** RSS of the agent before the upgrade. */
  idleKb: number;
  /** The peak memory of the old version, and of the self-check of the new version, which is another process. */
  peakKb: number;
  selfCheckKb: number;
  /** The milliseconds that the tools take for the same files. */
  toolsMs: number;
}

export interface Upgrades {
  /** Upgrades to a version with the existing Node, one for each round. */
  kept: Upgrade[];
  /** Upgrades to a version with a new Node. */
  exchanged: Upgrade[];
}

const ROUNDS = 3;
const FROM = '1.0.0';
const KEPT = '1.1.0';
const EXCHANGED = '1.2.0';
/** Another version number for the same Node, because only its size matters. */
const NEXT_NODE = '99.0.0';
/** At the end of its first turn, an agent frees the memory that its start has used. */
const SETTLE_MS = 5_000;

export async function measureUpgrade(mesh: SandboxMesh): Promise<Upgrades> {
  const folder = await mkdtemp(join(tmpdir(), 'smm-bench-'));
  try {
    const repository = await mesh.repository();
    await publish(repository, folder);
    await using machine = await makeMachine(mesh);
    await machine.installVersion(FROM);
    await trustRepository(machine.paths, repository);
    await machine.expect('smm-agent', 'set', 'repository.caFile', REPOSITORY_CA);
    const round = async (version: string, files: string[]): Promise<Upgrade> => {
      const toolsMs = await fetchByTools(repository, files, folder);
      const upgrade = await upgradeOnce(machine, repository, version);
      await forget(machine, version);
      return { ...upgrade, toolsMs };
    };
    const result: Upgrades = { kept: [], exchanged: [] };
    for (let count = 0; count < ROUNDS; count += 1) {
      result.kept.push(await round(KEPT, downloadsOf(KEPT)));
      result.exchanged.push(await round(EXCHANGED, downloadsOf(EXCHANGED, NEXT_NODE)));
    }
    return result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Builds the archives as for a release. The archive of Node takes most of a minute. */
async function publish(repository: AgentRepository, output: string): Promise<void> {
  const options = { output, level: 19, sourceDateEpoch: 1 } as const;
  const runtime = { runtimeVersion: NEXT_NODE, runtime: dirname(dirname(process.execPath)) };
  await repository.add(
    await buildAgentArchive(await versionContents(KEPT), options),
    await buildAgentArchive(await versionContents(EXCHANGED, {}, NEXT_NODE), options),
    await buildRuntimeArchive(runtime, HOST_ARCHITECTURE, options),
  );
}

/** Starts FROM, waits until it is idle, announces another version, and tells the agent to run a turn. */
async function upgradeOnce(
  machine: SandboxMachine,
  repository: AgentRepository,
  version: string,
): Promise<Omit<Upgrade, 'toolsMs'>> {
  const { manager, paths } = machine;
  await repository.announce(FROM);
  await machine.expect('systemctl', 'start', 'smm-agent');
  const service = manager.service(AGENT_UNIT);
  const { mainPid, invocation } = service;
  await untilReady(machine, mainPid);
  const settledMs = performance.now() + SETTLE_MS;
  await until('a settled agent', () => performance.now() >= settledMs);
  await repository.announce(version);
  const idleKb = factsOf(mainPid).rssKb;
  using transfers = new Transfers(repository).begin();
  using peak = new Peak(mainPid, 'self-check').begin();
  const begunMs = Date.now();
  await ask(paths.socket, { do: 'reconcile' }, () => {});
  await until('READY of the new version', () => service.invocation !== invocation && service.active === 'active');
  const readyMs = service.activeEnter?.getTime() ?? Number.NaN;
  await until('its confirmation', async () => (await readProbation(paths)) === null);
  return {
    bytes: transfers.bytes,
    totalMs: readyMs - begunMs,
    downloadMs: transfers.archivesMs,
    restartMs: readyMs - (service.activeExit?.getTime() ?? Number.NaN),
    idleKb,
    peakKb: peak.ownKb,
    selfCheckKb: peak.childKb,
  };
}

/** Returns to FROM, and removes everything that a second upgrade could use. */
async function forget(machine: SandboxMachine, version: string): Promise<void> {
  const { current, previous, versions, runtimes, downloads, repositoryCache } = machine.paths;
  await machine.expect('systemctl', 'stop', 'smm-agent');
  for (const path of [
    current,
    previous,
    join(versions, version),
    join(runtimes, NEXT_NODE),
    downloads,
    repositoryCache,
  ])
    await rm(path, { recursive: true, force: true });
  await symlink(`versions/${FROM}`, current);
}
