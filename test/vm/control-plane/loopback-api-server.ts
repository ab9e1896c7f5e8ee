/**
 * A real kube-apiserver with a real etcd on loopback, of one test file's own: it can be killed without disturbing the
 * lab's cluster, and the agent's code in the test process reaches it without a network namespace.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Admin } from '../../sandbox/control-plane/admin.ts';
import { assertAlive, type RunningDaemon, startDaemon } from '../lab/host/daemon.ts';
import type { Ledger } from '../lab/host/ledger.ts';
import { isAlive, signal } from '../lab/host/process-identity.ts';
import { makeCredentials } from '../lab/mesh/certificates.ts';
import { until } from '../lab/until.ts';

export interface LoopbackApiServer {
  url: string;
  ca: string;
  admin: Admin;
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Everything that it writes lies below `folder`; its processes are in the ledger, so that a run that is cut off is
 * cleaned up.
 */
export async function startLoopbackApiServer(
  ledger: Ledger,
  folder: string,
  programs: { etcd: string; kubeApiserver: string },
): Promise<LoopbackApiServer> {
  mkdirSync(folder, { recursive: true });
  const [client, peer, port] = await freePorts(3);
  const credentials = await makeCredentials(join(folder, 'pki'), '127.0.0.1');
  const token = randomBytes(24).toString('hex');
  writeFileSync(join(folder, 'tokens.csv'), `${token},test-admin,test-admin,"system:masters"\n`, { mode: 0o600 });
  const url = `https://127.0.0.1:${port}`;
  const etcdUrl = `http://127.0.0.1:${client}`;
  const admin = new Admin({ server: url, ca: credentials.ca, token });
  const etcd = startDaemon(ledger, {
    what: 'etcd of the API server suite',
    logFile: join(folder, 'etcd.log'),
    argv: [
      programs.etcd,
      ...['--unsafe-no-fsync', '--data-dir', join(folder, 'etcd'), '--log-level', 'warn'],
      ...['--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
      ...['--listen-peer-urls', `http://127.0.0.1:${peer}`],
    ],
  });
  let daemon: RunningDaemon | null = null;
  const start = async () => {
    const started = startDaemon(ledger, {
      what: 'kube-apiserver of the API server suite',
      logFile: join(folder, 'kube-apiserver.log'),
      argv: [
        programs.kubeApiserver,
        `--etcd-servers=${etcdUrl}`,
        '--bind-address=127.0.0.1',
        // It refuses to advertise loopback. Without an endpoint reconciler, the address is advertised nowhere.
        '--advertise-address=192.0.2.1',
        '--endpoint-reconciler-type=none',
        `--secure-port=${port}`,
        `--tls-cert-file=${credentials.certFile}`,
        `--tls-private-key-file=${credentials.keyFile}`,
        `--token-auth-file=${join(folder, 'tokens.csv')}`,
        '--authorization-mode=RBAC',
        `--service-account-key-file=${credentials.serviceAccountKeyFile}`,
        `--service-account-signing-key-file=${credentials.serviceAccountKeyFile}`,
        '--service-account-issuer=https://kubernetes.default.svc',
        '--service-cluster-ip-range=10.96.0.0/16',
        // Its controller, which would make the accounts that it asks for, does not run here.
        '--disable-admission-plugins=ServiceAccount',
        '--shutdown-delay-duration=0s',
      ],
    });
    daemon = started;
    await until('kube-apiserver to be ready', () => ready(started, admin), 90_000);
  };
  const kill = async () => {
    const running = daemon;
    if (running === null) return;
    daemon = null;
    signal(running.identity, 'SIGKILL');
    await until('the end of kube-apiserver', () => !isAlive(running.identity), 10_000);
    await running.stop();
  };
  const close = async () => {
    admin.close();
    await kill();
    await etcd.stop();
  };
  await start();
  return { url, ca: credentials.ca, admin, kill, start, close };
}

async function ready(daemon: RunningDaemon, admin: Admin): Promise<boolean> {
  assertAlive(daemon);
  return (await admin.send('GET', '/readyz')).status === 200;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  // All at once, so that no port is given twice.
  await Promise.all(servers.map((server) => once(server.listen(0, '127.0.0.1'), 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
