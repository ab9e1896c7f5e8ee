/**
 * Where the proxy of a release answers: the ports of its own
 * configuration, on either loopback address. Imported late, for its YAML.
 */
import { proxyConfigField } from './proxy-config.ts';
import { proxyVariable, type UnitEnvironment } from './proxy-environment.ts';
import type { ProxyEndpoints } from './proxy-health.ts';
import type { ReleaseConfiguration } from './release.ts';

/** Istio's defaults (istio/istio, pkg/config/mesh/mesh.go). */
const STATUS_PORT = 15020;
const ADMIN_PORT = 15000;
/** Envoy's admin server listens only on ::1 if all addresses of the machine are IPv6 (pkg/bootstrap/config.go). */
const HOSTS = ['127.0.0.1', '[::1]'];

/** Throws SMM302 when the mesh file or PROXY_CONFIG cannot be read. */
export function proxyEndpoints(
  configuration: Pick<ReleaseConfiguration, 'clusterEnv' | 'sidecarEnv' | 'mesh'>,
  unit: UnitEnvironment,
): ProxyEndpoints {
  const proxyConfig = proxyVariable('PROXY_CONFIG', configuration, unit) ?? '';
  const port = (name: string, otherwise: number) =>
    portOf(proxyConfigField([name], configuration.mesh, proxyConfig)) ?? otherwise;
  const statusPort = port('statusPort', STATUS_PORT);
  const adminPort = port('proxyAdminPort', ADMIN_PORT);
  return {
    // With port 0 pilot-agent opens no port.
    ready: statusPort === 0 ? [] : HOSTS.map((host) => `http://${host}:${statusPort}/healthz/ready`),
    serverInfo: HOSTS.map((host) => `http://${host}:${adminPort}/server_info`),
  };
}

/** Numbers are bigints here, and protobuf's JSON takes them as text too. */
function portOf(value: unknown): number | null {
  if (typeof value !== 'bigint' && typeof value !== 'string') return null;
  const port = Number(value);
  return Number.isInteger(port) && port >= 0 && port <= 65_535 ? port : null;
}
