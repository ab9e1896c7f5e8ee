/**
 * The files of a machine after dpkg has installed the official package of Istio, its postinst has run, and the files of
 * `istioctl x workload entry configure` were copied to it.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { pathsUnder } from '../../src/base/paths.ts';
import { buildIstioPackage } from './istio-package.ts';
import { ADDRESS, GROUP, NAMESPACE } from './mesh.ts';

const execute = promisify(execFile);

/** Installs `version` below `root`, connected to the istiod of the unrevisioned install. */
export async function installIstio(root: string, version: string): Promise<void> {
  const paths = pathsUnder(root);
  const deb = join(root, 'istio-sidecar.deb');
  await buildIstioPackage(deb, { version });
  await execute('dpkg-deb', ['--extract', deb, root]);
  for (const folder of ['envoy', 'proxy', 'config'])
    await mkdir(join(root, 'var/lib/istio', folder), { recursive: true });
  await mkdir(join(root, 'etc'), { recursive: true });
  await symlink('../var/lib/istio', join(root, 'etc/istio'));
  await write(paths.istio.clusterEnv, clusterEnv());
  await write(paths.istio.mesh, mesh(paths.istio.envoy));
  await write(
    join(root, 'etc/certs/root-cert.pem'),
    '-----BEGIN CERTIFICATE-----\nc2FuZGJveA==\n-----END CERTIFICATE-----\n',
  );
  await write(join(root, 'var/run/secrets/tokens/istio-token'), 'token-of-the-workload');
  await write(paths.hosts, '127.0.0.1 localhost\n10.0.0.1 istiod.istio-system.svc\n');
  // The ExecStartPre of the real unit makes a folder for istio-proxy, a user that only a real machine has.
  await write(join(root, 'usr/bin/install'), '#!/bin/sh\nexec /usr/bin/mkdir -p -- "$SMM_ROOT/var/run/secrets"\n');
  await chmod(join(root, 'usr/bin/install'), 0o755);
}

/** Where the stand-in start script finds its files before Istio is adopted. The real script has fixed paths. */
export function istioEnvironment(root: string): Record<string, string> {
  const { istio } = pathsUnder(root);
  return {
    ISTIO_BIN_BASE: dirname(istio.pilotAgent),
    ISTIO_CLUSTER_CONFIG: istio.clusterEnv,
    ISTIO_SIDECAR_CONFIG: istio.sidecarEnv,
  };
}

function clusterEnv(): string {
  return [
    `CANONICAL_REVISION='latest'`,
    `CANONICAL_SERVICE='${GROUP}'`,
    "ISTIO_INBOUND_PORTS='8080'",
    "ISTIO_LOCAL_EXCLUDE_PORTS='22,15090,15021'",
    "ISTIO_META_CLUSTER_ID='Kubernetes'",
    "ISTIO_META_DNS_CAPTURE='true'",
    `ISTIO_META_WORKLOAD_NAME='${GROUP}'`,
    `ISTIO_NAMESPACE='${NAMESPACE}'`,
    `ISTIO_SERVICE='${GROUP}.${NAMESPACE}'`,
    "ISTIO_SERVICE_CIDR='*'",
    `ISTIO_SVC_IP='${ADDRESS}'`,
    `POD_NAMESPACE='${NAMESPACE}'`,
    `SERVICE_ACCOUNT='${GROUP}'`,
    "TRUST_DOMAIN='cluster.local'",
    '',
  ].join('\n');
}

/** A real mesh file has no `binaryPath`. Here it is needed, because the built-in default is not below this root. */
function mesh(envoy: string): string {
  return `defaultConfig:
  binaryPath: ${envoy}
  discoveryAddress: istiod.istio-system.svc:15012
  proxyMetadata:
    ISTIO_META_WORKLOAD_NAME: ${GROUP}
    POD_NAMESPACE: ${NAMESPACE}
`;
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
