/** One istiod for each revision, on loopback ports of the control plane's namespace. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertAlive, startDaemon } from '../host/daemon.ts';
import type { Ledger } from '../host/ledger.ts';
import { until } from '../until.ts';
import type { ApiServer } from './api-server.ts';
import { CLUSTER_NAME, ISTIO_NAMESPACE, meshConfig } from './cluster.ts';
import type { Tunnel } from './tunnel.ts';

export const REVISIONS = ['default', 'canary'] as const;
export type Revision = (typeof REVISIONS)[number];

const READY_MS = 90_000;

interface Ports {
  readonly http: number;
  readonly https: number;
  readonly grpc: number;
  readonly secureGrpc: number;
  readonly monitoring: number;
  readonly introspection: number;
}

export function portsOf(revision: Revision): Ports {
  const base = 15_100 + 100 * REVISIONS.indexOf(revision);
  return {
    http: base + 80,
    https: base + 17,
    grpc: base + 10,
    secureGrpc: base + 12,
    monitoring: base + 14,
    introspection: base + 76,
  };
}

export async function startIstiod(
  ledger: Ledger,
  tunnel: Tunnel,
  server: ApiServer,
  { revision, program, folder }: { revision: Revision; program: string; folder: string },
): Promise<void> {
  const ports = portsOf(revision);
  const kubeconfig = join(folder, 'kubeconfig');
  const meshFile = join(folder, `mesh-${revision}.yaml`);
  // JSON is YAML, here and below.
  writeFileSync(kubeconfig, JSON.stringify(adminKubeconfig(server)), { mode: 0o600 });
  writeFileSync(meshFile, JSON.stringify(meshConfig(revision)));
  const daemon = startDaemon(ledger, {
    what: `istiod ${revision}`,
    netns: server.netns,
    cwd: folder,
    logFile: join(folder, `istiod-${revision}.log`),
    argv: [
      program,
      'discovery',
      '--kubeconfig',
      kubeconfig,
      '--meshConfig',
      meshFile,
      '--secureGRPCAddr',
      `127.0.0.1:${ports.secureGrpc}`,
      '--grpcAddr',
      `127.0.0.1:${ports.grpc}`,
      '--httpAddr',
      `127.0.0.1:${ports.http}`,
      '--httpsAddr',
      `127.0.0.1:${ports.https}`,
      '--monitoringAddr',
      `127.0.0.1:${ports.monitoring}`,
      '--ctrlz_port',
      String(ports.introspection),
      '--clusterRegistriesNamespace',
      ISTIO_NAMESPACE,
    ],
    env: {
      POD_NAMESPACE: ISTIO_NAMESPACE,
      POD_NAME: `istiod-${revision}-0`,
      CLUSTER_ID: CLUSTER_NAME,
      REVISION: revision,
      // A plain Envoy has no filters of Istio's own, and would reject a configuration that names them.
      PILOT_ENABLE_METADATA_EXCHANGE: 'false',
      PILOT_ENABLE_ALPN_FILTER: 'false',
      INJECTION_WEBHOOK_CONFIG_NAME: '',
      VALIDATION_WEBHOOK_CONFIG_NAME: '',
    },
  });
  await until(
    `istiod ${revision} to be ready`,
    async () => {
      assertAlive(daemon);
      return (await tunnel.request(`http://127.0.0.1:${ports.http}/ready`, { timeoutMs: 2_000 })).status;
    },
    READY_MS,
    (status) => status === 200,
  );
}

/** The number of proxies that this istiod has a stream to. */
export async function connectedTo(tunnel: Tunnel, revision: Revision): Promise<number> {
  const metrics = await tunnel.request(`http://127.0.0.1:${portsOf(revision).monitoring}/metrics`);
  if (metrics.status !== 200)
    throw new Error(`cannot read the metrics of istiod ${revision}: status ${metrics.status}`);
  // One line for each version of Istio that has connected; there is none before the first connection.
  const values = [...metrics.body.matchAll(/^pilot_xds\{[^}]*\} (\S+)$/gm)].map((match) => Number(match[1]));
  return values.reduce((sum, value) => sum + value, 0);
}

function adminKubeconfig(server: ApiServer): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'lab',
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'admin' } }],
    clusters: [{ name: 'lab', cluster: { server: server.url, 'certificate-authority': server.credentials.caFile } }],
    users: [{ name: 'admin', user: { token: server.adminToken } }],
  };
}
