/** A whole control plane, from an empty network namespace to istiods that machines can connect to. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDaemon } from '../host/daemon.ts';
import { Ledger } from '../host/ledger.ts';
import { makeControlPlaneNetwork } from '../host/network.ts';
import { beginRun, endRun } from '../host/runs.ts';
import { Lab, type LabState, relaySocket } from '../lab.ts';
import { ensureParts, type Parts } from '../parts/parts.ts';
import { timed } from '../say.ts';
import { until } from '../until.ts';
import { startApiServer } from './api-server.ts';
import { ISTIO_NAMESPACE, installCrds, makeNamespace, setGateway } from './cluster.ts';
import { REVISIONS, type Revision, startIstiod } from './istiod.ts';
import { Kube } from './kube.ts';
import { installRevision } from './revisions.ts';
import { startSniRouter } from './sni-router.ts';
import { Tunnel } from './tunnel.ts';

const FIRST_VERSION = '1.31.0';

/**
 * A control plane for one test file, which ends it: for tests that kill the API server, change the version of a
 * revision, or count connections, and would otherwise get in the way of the files that run beside them. Takes about 7 s
 * and 700 MB. `istiods` are the revisions whose istiod runs from the beginning.
 */
export async function startOwnLab({ istiods }: { istiods?: readonly Revision[] } = {}): Promise<{
  readonly lab: Lab;
  end(): Promise<void>;
}> {
  const state = await startRun(await ensureParts(), istiods);
  return { lab: new Lab(state), end: () => endRun(state) };
}

/** A run with a control plane; the calling process owns it. */
export async function startRun(parts: Parts, istiods: readonly Revision[] = REVISIONS): Promise<LabState> {
  const run = beginRun();
  try {
    const state = await timed('the control plane', () => startControlPlane(run, parts, istiods));
    writeFileSync(join(run.folder, 'lab.json'), JSON.stringify(state), { mode: 0o600 });
    return state;
  } catch (error) {
    // The logs say why, so they stay.
    process.env.SMM_LAB_KEEP ??= '1';
    await endRun(run);
    throw error;
  }
}

async function startControlPlane(
  run: ReturnType<typeof beginRun>,
  parts: Parts,
  istiods: readonly Revision[],
): Promise<LabState> {
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
  for (const revision of istiods)
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
