/**
 * The settings whose values may be shown: in status.json, which every user of the machine may read, on the
 * WorkloadEntry, in the journal and by `show-config`. There is no other list. A setting that is not here may be a
 * secret, under any name (DB_DSN, STRIPE_KEY): the agent only says that it changed.
 */
import { ALLOWED_KEYS } from './env/allowed-keys.ts';

const ENV = new Set([
  // The keys that the control plane may set by name: Istio keeps no secret in them.
  ...ALLOWED_KEYS,
  // Node metadata that istioctl writes, and what Istio's documentation has for machines.
  ...['ISTIO_META_CLUSTER_ID', 'ISTIO_META_MESH_ID', 'ISTIO_META_NETWORK', 'ISTIO_META_WORKLOAD_NAME'],
  ...[
    'ISTIO_META_POD_PORTS',
    'ISTIO_META_AUTO_REGISTER_GROUP',
    'ISTIO_META_DNS_CAPTURE',
    'ISTIO_META_DNS_AUTO_ALLOCATE',
  ],
  ...[
    'ISTIO_META_INTERCEPTION_MODE',
    'ISTIO_META_UNPRIVILEGED_POD',
    'ISTIO_META_ENABLE_HBONE',
    'ISTIO_META_CERT_SIGNER',
  ],
  // The machine's own.
  ...[
    'ISTIO_CUSTOM_IP_TABLES',
    'ISTIO_BIN_BASE',
    'ISTIO_LOG_DIR',
    'EXEC_USER',
    'ENVOY_USER',
    'PROV_CERT',
    'OUTPUT_CERTS',
  ],
  ...['PROXY_UID', 'PROXY_GID', 'NATIVE_NFTABLES', 'ISTIO_INBOUND_TPROXY_MARK', 'ISTIO_INBOUND_TPROXY_ROUTE_TABLE'],
]);

/** Fields of ProxyConfig. Those that take free text, a URL, a command or headers are not here. */
const MESH = new Set([
  ...[
    'discoveryAddress',
    'binaryPath',
    'configPath',
    'customConfigFile',
    'proxyBootstrapTemplatePath',
    'serviceCluster',
  ],
  ...[
    'concurrency',
    'statusPort',
    'proxyAdminPort',
    'statNameLength',
    'meshId',
    'availabilityZone',
    'interceptionMode',
  ],
  ...['controlPlaneAuthPolicy', 'tracingServiceName', 'holdApplicationUntilProxyStarts', 'drainDuration'],
  ...[
    'parentShutdownDuration',
    'terminationDrainDuration',
    'fileFlushInterval',
    'fileFlushMinSizeKb',
    'image.imageType',
  ],
  ...['tracing.sampling', 'tracing.maxPathTagLength', 'tracing.tlsSettings.mode'],
  ...['gatewayTopology.numTrustedProxies', 'gatewayTopology.forwardClientCertDetails'],
  ...['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold', 'httpGet.path']
    .concat(
      'httpGet.port',
      'httpGet.host',
      'httpGet.scheme',
      'tcpSocket.port',
      'tcpSocket.host',
      'grpc.port',
      'grpc.service',
    )
    .map((field) => `readinessProbe.${field}`),
]);

/** Whether the value of a key of cluster.env, sidecar.env, `istio.env` or `proxyMetadata` may be shown. */
export function mayShowEnv(key: string): boolean {
  return ENV.has(key);
}

/**
 * Whether the value of a field of the mesh file's `defaultConfig`, or
 * of `istio.mesh`, may be shown, in either of protobuf's spellings.
 */
export function mayShowMesh(path: readonly string[]): boolean {
  const [field, key] = path;
  if (field !== undefined && inCamelCase(field) === 'proxyMetadata') return path.length === 2 && mayShowEnv(key ?? '');
  return MESH.has(path.map(inCamelCase).join('.'));
}

function inCamelCase(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}
