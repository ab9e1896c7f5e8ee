/**
 * etcd and kube-apiserver in the control plane's namespace. The API server can be stopped, killed and started again
 * from any test process: what it takes is in this value, which is plain data, and its state is etcd's.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertAlive, type Daemon, startDaemon } from '../host/daemon.ts';
import { end, type Ledger } from '../host/ledger.ts';
import { CONTROL_PLANE_ADDRESS } from '../host/network.ts';
import { signal } from '../host/process-identity.ts';
import { until } from '../until.ts';
import { type Credentials, makeCredentials } from './certificates.ts';
import type { Tunnel } from './tunnel.ts';

export interface ApiServer {
  readonly url: string;
  readonly credentials: Credentials;
  /** Of an account in system:masters. */
  readonly adminToken: string;
  readonly netns: string;
  readonly folder: string;
  readonly program: string;
}

const PORT = 6443;
const READY_MS = 90_000;

export async function startApiServer(
  ledger: Ledger,
  tunnel: Tunnel,
  { netns, folder, etcd, kubeApiserver }: { netns: string; folder: string; etcd: string; kubeApiserver: string },
): Promise<ApiServer> {
  const credentials = await makeCredentials(join(folder, 'pki'), CONTROL_PLANE_ADDRESS);
  const adminToken = randomBytes(24).toString('hex');
  writeFileSync(join(folder, 'tokens.csv'), `${adminToken},lab-admin,lab-admin,"system:masters"\n`, { mode: 0o600 });
  startDaemon(ledger, {
    what: 'etcd',
    netns,
    logFile: join(folder, 'etcd.log'),
    // Nothing of a run outlives it, so nothing needs to reach the disk.
    argv: [
      etcd,
      '--unsafe-no-fsync',
      '--data-dir',
      join(folder, 'etcd'),
      '--listen-client-urls',
      'http://127.0.0.1:2379',
      '--advertise-client-urls',
      'http://127.0.0.1:2379',
      '--listen-peer-urls',
      'http://127.0.0.1:2380',
      '--log-level',
      'warn',
    ],
  });
  const server: ApiServer = {
    url: `https://${CONTROL_PLANE_ADDRESS}:${PORT}`,
    credentials,
    adminToken,
    netns,
    folder,
    program: kubeApiserver,
  };
  await bringUp(ledger, tunnel, server);
  return server;
}

/** Starts it and waits until it is ready; etcd has to run. */
export async function bringUp(ledger: Ledger, tunnel: Tunnel, server: ApiServer): Promise<void> {
  const { credentials, folder } = server;
  const daemon = startDaemon(ledger, {
    what: 'kube-apiserver',
    netns: server.netns,
    logFile: join(folder, 'kube-apiserver.log'),
    argv: [
      server.program,
      '--etcd-servers=http://127.0.0.1:2379',
      `--bind-address=${CONTROL_PLANE_ADDRESS}`,
      `--advertise-address=${CONTROL_PLANE_ADDRESS}`,
      `--secure-port=${PORT}`,
      `--tls-cert-file=${credentials.certFile}`,
      `--tls-private-key-file=${credentials.keyFile}`,
      `--token-auth-file=${join(folder, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      `--service-account-key-file=${credentials.serviceAccountKeyFile}`,
      `--service-account-signing-key-file=${credentials.serviceAccountKeyFile}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      '--api-audiences=https://kubernetes.default.svc,istio-ca',
      '--service-cluster-ip-range=10.96.0.0/16',
      // Its controller, which would make the accounts that it asks for, does not run here.
      '--disable-admission-plugins=ServiceAccount',
      '--shutdown-delay-duration=0s',
    ],
  });
  writeFileSync(recordOf(server), JSON.stringify(daemon));
  await until(
    'kube-apiserver to be ready',
    async () => {
      assertAlive(daemon);
      const headers = { authorization: `Bearer ${server.adminToken}` };
      return (await tunnel.request(`${server.url}/readyz?verbose`, { ca: credentials.ca, headers, timeoutMs: 2_000 }))
        .status;
    },
    READY_MS,
    (status) => status === 200,
  );
}

/** SIGTERM and the wait for its end, or SIGKILL: then it closes no connection by itself. */
export async function takeDown(server: ApiServer, how: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (!existsSync(recordOf(server))) throw new Error('cannot stop kube-apiserver: it was never started');
  const daemon = JSON.parse(readFileSync(recordOf(server), 'utf8')) as Daemon;
  if (how === 'SIGKILL') signal(daemon.identity, 'SIGKILL');
  await end(daemon.what, daemon.identity);
}

function recordOf(server: ApiServer): string {
  return join(server.folder, 'kube-apiserver.json');
}
