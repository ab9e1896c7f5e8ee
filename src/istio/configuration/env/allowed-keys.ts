/**
 * Which keys of `proxyMetadata` the control plane may set on a machine, each with the form of its value. `cluster.env`
 * becomes the environment of root's bash, sudo, pilot-agent, iptables and ip, and no list of all their variables could
 * be complete: so this is a list of what is allowed. All other keys can be set on the machine only (`istio.env`).
 *
 * From Istio's sources (1.31): tools/istio-iptables/pkg/cmd/root.go and pkg/constants,
 * tools/packaging/common/istio-start.sh, pilot/cmd/pilot-agent/options,
 * pilot/cmd/pilot-agent/status, pkg/bootstrap, pkg/features.
 */
import * as grammar from './grammar.ts';

/**
 * Node metadata: pilot-agent passes it on to istiod, and no program
 * of root reads it, except for the keys that are named below.
 */
const METADATA = /^ISTIO_META(?:JSON)?_[A-Za-z0-9_]+$/;

const KEYS: Readonly<Record<string, grammar.Grammar>> = {
  // What istioctl writes.
  ...all(grammar.text, 'CANONICAL_SERVICE', 'CANONICAL_REVISION', 'TRUST_DOMAIN', 'SERVICE_ACCOUNT'),
  // Istio's start script puts these, unquoted, into a command line of `bash -c` or into the YAML of PROXY_CONFIG.
  ...all(grammar.word, 'POD_NAME', 'POD_NAMESPACE', 'ISTIO_NAMESPACE', 'ISTIO_SERVICE', 'ISTIO_SYSTEM_NAMESPACE'),
  ...all(grammar.word, 'ISTIO_SVC_IP', 'INSTANCE_IP', 'ISTIO_CP_AUTH', 'PILOT_ADDRESS', 'CA_ADDR'),
  ISTIO_PILOT_PORT: grammar.port,
  // istio-iptables. Its other settings are not here: they choose programs, files,
  // users or network namespaces (DRY_RUN, NETWORK_NAMESPACE, FORCE_IPTABLES_BINARY,
  // PROXY_UID ...), or have root make other rules than those that are cleaned up.
  ...all(grammar.port, 'ENVOY_PORT', 'INBOUND_CAPTURE_PORT', 'INBOUND_TUNNEL_PORT'),
  ISTIO_INBOUND_INTERCEPTION_MODE: grammar.redirect,
  ISTIO_INBOUND_PORTS: grammar.portsOrAll,
  ...all(grammar.ports, 'ISTIO_LOCAL_EXCLUDE_PORTS', 'ISTIO_OUTBOUND_PORTS', 'ISTIO_LOCAL_OUTBOUND_PORTS_EXCLUDE'),
  ISTIO_SERVICE_CIDR: grammar.rangesOrAll,
  ISTIO_SERVICE_EXCLUDE_CIDR: grammar.ranges,
  ...all(grammar.interfaces, 'ISTIO_EXCLUDE_INTERFACES', 'KUBE_VIRT_INTERFACES'),
  ISTIO_OUTBOUND_OWNER_GROUPS: grammar.groupsOrAll,
  ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE: grammar.groups,
  ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR: grammar.loopback,
  ...all(grammar.boolean, 'ISTIO_META_DNS_CAPTURE', 'REDIRECT_DNS', 'CAPTURE_ALL_DNS', 'INVALID_DROP', 'DROP_INVALID'),
  ...all(grammar.boolean, 'DUAL_STACK', 'ISTIO_DUAL_STACK'),
  // pilot-agent and Envoy, which run as istio-proxy. Keys that name a file, or decide whom to trust, are left out.
  ...all(grammar.boolean, 'REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION', 'ENABLE_PROBE_KEEPALIVE_CONNECTIONS'),
  ...all(grammar.boolean, 'ISTIO_ENABLE_HTTP2_PROBING', 'EXIT_ON_ZERO_ACTIVE_CONNECTIONS', 'DNS_FORWARD_PARALLEL'),
  ...all(
    grammar.boolean,
    'PROXY_CONFIG_XDS_AGENT',
    'PEER_METADATA_DISCOVERY',
    'ENVOY_SKIP_DEPRECATED_LOGS',
    'PKCS8_KEY',
  ),
  ...all(grammar.boolean, 'METRICS_LOCALHOST_ACCESS_ONLY', 'HTTP_STRIP_FRAGMENT_FROM_PATH_UNSAFE_IF_DISABLED'),
  // Of earlier versions (1.20 and later).
  ...all(grammar.boolean, 'BOOTSTRAP_XDS_AGENT', 'ISTIO_DELTA_XDS'),
  ...all(grammar.port, 'ENVOY_STATUS_PORT', 'ENVOY_PROMETHEUS_PORT'),
  ...all(grammar.integer, 'ENVOY_SECURE_METRICS_PORT', 'ENVOY_SECURE_MERGED_METRICS_PORT', 'ISTIO_CPU_LIMIT'),
  ...all(grammar.integer, 'WORKLOAD_RSA_KEY_SIZE', 'WASM_HTTP_REQUEST_MAX_RETRIES'),
  ...all(grammar.ratio, 'SECRET_GRACE_PERIOD_RATIO', 'SECRET_GRACE_PERIOD_RATIO_JITTER'),
  ...all(grammar.duration, 'SECRET_TTL', 'FILE_DEBOUNCE_DURATION', 'MINIMUM_DRAIN_DURATION', 'DNS_FORWARD_TIMEOUT'),
  ...all(grammar.duration, 'WASM_MODULE_EXPIRY', 'WASM_PURGE_INTERVAL', 'WASM_HTTP_REQUEST_TIMEOUT'),
  ...all(
    grammar.word,
    'ISTIOD_SAN',
    'DNS_PROXY_ADDR',
    'CA_PROVIDER',
    'JWT_POLICY',
    'ECC_SIGNATURE_ALGORITHM',
    'ECC_CURVE',
  ),
  ...all(
    grammar.word,
    'CREDENTIAL_FETCHER_TYPE',
    'CREDENTIAL_IDENTITY_PROVIDER',
    'CLOUD_PLATFORM',
    'COMPLIANCE_POLICY',
  ),
  ...all(grammar.words, 'TOKEN_AUDIENCES', 'WASM_INSECURE_REGISTRIES'),
};
const FORMS: ReadonlyMap<string, grammar.Grammar> = new Map(Object.entries(KEYS));

/** The keys that are allowed by name: node metadata is allowed beside them, by its prefix. */
export const ALLOWED_KEYS: readonly string[] = [...FORMS.keys()];

/** The form of a key's value; null for a key that the control plane may not set. */
export function formOf(key: string): grammar.Grammar | null {
  return FORMS.get(key) ?? (METADATA.test(key) ? grammar.text : null);
}

function all(form: grammar.Grammar, ...keys: string[]): Record<string, grammar.Grammar> {
  return Object.fromEntries(keys.map((key) => [key, form]));
}
