/**
 * What an operator does today to bring a machine into the mesh: the official package, the files that `istioctl x
 * workload entry configure` makes, a token, a line in /etc/hosts, and `systemctl start istio`.
 */

import { CONTROL_PLANE_ADDRESS } from '../host/network.ts';
import type { Lab } from '../lab.ts';
import { istiodHost, makeNamespace } from '../mesh/cluster.ts';
import type { KubeObject } from '../mesh/kube.ts';
import type { EnvoyVersion } from '../parts/envoy-part.ts';
import { makeIstioDeb } from '../parts/istio-package.ts';
import { until } from '../until.ts';
import { httpBackend } from './backend.ts';
import type { Machine } from './machine.ts';
import { BACKEND_PORT, clusterEnv, type MeshMembership, proxyConfig } from './mesh-files.ts';

export interface JoinOptions extends MeshMembership {
  readonly version?: string;
  readonly envoy?: EnvoyVersion;
}

const READY_MS = 60_000;

export async function joinMesh(lab: Lab, machine: Machine, options: JoinOptions): Promise<void> {
  await makeGroup(lab, options);
  await installIstio(
    machine,
    await makeIstioDeb({ version: options.version ?? '1.31.0', envoy: options.envoy ?? '1.39.3' }),
  );
  await configureIstio(lab, machine, options);
  await httpBackend(machine, BACKEND_PORT);
  await machine.sh('systemctl start istio');
  await untilServing(lab, machine, options);
}

export function namespaceLabels(revision: string): Record<string, string> {
  return revision === 'default' ? { 'istio-injection': 'enabled' } : { 'istio.io/rev': revision };
}

/** Namespace, account and WorkloadGroup, with a probe, so that istiod writes `Healthy`. Safe to repeat. */
export async function makeGroup(lab: Lab, { namespace, group, revision }: MeshMembership): Promise<void> {
  await makeNamespace(lab.kube, namespace, namespaceLabels(revision));
  const metadata = { name: group, namespace };
  await lab.kube.applyObjects([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadGroup',
      metadata,
      spec: {
        metadata: { labels: { app: group } },
        template: { serviceAccount: group, ports: { http: BACKEND_PORT } },
        probe: { periodSeconds: 1, httpGet: { path: '/', port: BACKEND_PORT } },
      },
    },
  ]);
}

/** Also over another version: dpkg asks no question, and keeps edited files. */
export async function installIstio(machine: Machine, debPath: string): Promise<void> {
  await machine.copyIn(debPath, '/root/istio-sidecar.deb');
  await machine.sh(
    'dpkg --install --force-confdef --force-confold /root/istio-sidecar.deb && rm /root/istio-sidecar.deb',
  );
}

export async function configureIstio(lab: Lab, machine: Machine, membership: MeshMembership): Promise<void> {
  const { namespace, group, revision } = membership;
  await machine.writeFile('/var/lib/istio/envoy/cluster.env', clusterEnv(membership, machine.address));
  await machine.writeFile('/etc/istio/config/mesh', `${JSON.stringify({ defaultConfig: proxyConfig(membership) })}\n`);
  await machine.writeFile('/etc/certs/root-cert.pem', await rootCertificate(lab, namespace));
  await machine.writeFile(
    '/var/run/secrets/tokens/istio-token',
    await lab.kube.mintToken(namespace, group, { audience: 'istio-ca' }),
  );
  const line = `${CONTROL_PLANE_ADDRESS} ${istiodHost(revision)}`;
  await machine.sh(`grep -qxF '${line}' /etc/hosts || echo '${line}' >> /etc/hosts
    chown -R istio-proxy:istio-proxy /var/lib/istio/envoy /etc/istio/config /etc/certs /var/run/secrets`);
}

/** Ready, and so far in that istiod sends traffic to it: registered, and healthy. */
export async function untilServing(lab: Lab, machine: Machine, { namespace, group }: MeshMembership): Promise<void> {
  await until(
    `Istio on ${machine.name} to be ready`,
    async () => {
      const { stdout } = await machine.exec([
        'curl',
        '-s',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        'http://127.0.0.1:15020/healthz/ready',
      ]);
      return stdout;
    },
    READY_MS,
    (status) => status === '200',
  );
  await until(
    `the WorkloadEntry of ${machine.name} to be healthy`,
    () => findEntry(lab, namespace, group, machine),
    READY_MS,
    isHealthy,
  );
}

/** The entry that istiod made when the machine connected: named after the group and the address. */
export async function findEntry(
  lab: Lab,
  namespace: string,
  group: string,
  machine: Machine,
): Promise<KubeObject | undefined> {
  const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/workloadentries/${group}-${machine.address}`;
  const answer = await lab.kube.ask('GET', path);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw new Error(`cannot read ${path}: ${answer.status}`);
  return answer.body;
}

export function isHealthy(entry: KubeObject | undefined): boolean {
  const conditions: KubeObject[] = entry?.status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === 'Healthy' && status === 'True');
}

/** istiod writes it into each namespace by itself, a moment after the namespace was made. */
async function rootCertificate(lab: Lab, namespace: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/configmaps/istio-ca-root-cert`;
  const map = await until(`the root certificate in ${namespace}`, () => lab.kube.kube('GET', path), 30_000);
  return map.data['root-cert.pem'];
}
