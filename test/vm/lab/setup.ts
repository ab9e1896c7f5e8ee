/**
 * The global setup of the tests on the real parts (`node --test --test-global-setup=test/vm/lab/setup.ts`): one control plane for all
 * test files. An interrupted run calls no teardown: runs.ts sees to that. As a program of its own it starts a lab and keeps it until Ctrl-C, to look around in.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startApiServer } from './api-server.ts';
import { ISTIO_NAMESPACE, installCrds, installRevision, makeNamespace, setGateway } from './cluster.ts';
import { startDaemon } from './daemon.ts';
import { REVISIONS, startIstiod, startSniRouter } from './istiod.ts';
import { Kube } from './kube.ts';
import { LAB_VARIABLE, type LabState, relaySocket } from './lab.ts';
import { Ledger } from './ledger.ts';
import { makeControlPlaneNetwork } from './network.ts';
import { ensureParts, type Parts } from './parts.ts';
import { beginRun, cleanDeadRuns, endRun, type Run } from './runs.ts';
import { say, timed } from './say.ts';
import { Tunnel } from './tunnel.ts';
import { until } from './until.ts';

const FIRST_VERSION = '1.31.0';

export async function globalSetup(): Promise<void> {
  const parts = await timed('the real parts', ensureParts);
  await cleanDeadRuns();
  const run = beginRun();
  try {
    const state = await timed('the control plane', () => startControlPlane(run, parts));
    const file = join(run.folder, 'lab.json');
    writeFileSync(file, JSON.stringify(state), { mode: 0o600 });
    process.env[LAB_VARIABLE] = file;
  } catch (error) {
    // The runner calls no teardown after a failed setup.
    process.env.SMM_LAB_KEEP ??= '1';
    await endRun(run);
    throw error;
  }
}

export async function globalTeardown(): Promise<void> {
  const file = process.env[LAB_VARIABLE];
  if (file === undefined) return;
  const { default: state } = (await import(file, { with: { type: 'json' } })) as { default: LabState };
  await timed('taking the lab down', () => endRun(state));
}

async function startControlPlane(run: Run, parts: Parts): Promise<LabState> {
  const netns = `smm-${run.id}-cp`;
  const ledger = new Ledger(run.folder);
  await makeControlPlaneNetwork(ledger, netns);
  const tunnel = await startRelay(ledger, run.folder, netns);
  const server = await startApiServer(ledger, tunnel, {
    netns,
    folder: run.folder,
    etcd: parts.etcd,
    kubeApiserver: parts.kubeApiserver,
  });
  const kube = new Kube(tunnel, server);
  await installCrds(kube, parts.istioModuleDir);
  await makeNamespace(kube, ISTIO_NAMESPACE);
  for (const revision of REVISIONS) await installRevision(kube, revision, FIRST_VERSION);
  await setGateway(kube);
  // The first one makes the mesh's CA, the others take it from its Secret: one after the other.
  for (const revision of REVISIONS)
    await startIstiod(ledger, tunnel, server, { revision, program: parts.istiod, folder: run.folder });
  startSniRouter(ledger, netns, await parts.envoy('1.40.0'), run.folder);
  return { ...run, netns, server, parts: { istioModuleDir: parts.istioModuleDir, rootfs: parts.rootfs } };
}

async function startRelay(ledger: Ledger, folder: string, netns: string): Promise<Tunnel> {
  const socket = relaySocket(folder);
  startDaemon(ledger, {
    what: 'the relay',
    netns,
    logFile: join(folder, 'relay.log'),
    argv: [process.execPath, join(import.meta.dirname, 'relay-main.ts'), socket],
  });
  await until('the relay to listen', () => existsSync(socket), 20_000);
  return new Tunnel(socket);
}

if (import.meta.main) {
  await globalSetup();
  say(`ready: ${LAB_VARIABLE}=${process.env[LAB_VARIABLE]}; Ctrl-C ends it`);
  // Something has to keep the process: everything that it started runs on its own.
  setInterval(() => undefined, 60_000);
}
