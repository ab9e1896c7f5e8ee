/**
 * How the agent speaks TLS to any server: always verified, with time
 * for slow networks, through a proxy only if one is configured.
 */
import { Agent } from 'node:https';
import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import type { SecureContext } from 'node:tls';

/** `proxy` of the configuration. */
export interface ProxyServer {
  /** URL of a proxy that supports CONNECT; http only: the connections through it are TLS from end to end. */
  https: string;
  /** Hosts that are reached without the proxy, in the form of NO_PROXY. */
  no: string;
}

export interface TlsAgentOptions {
  /**
   * PEM of the authorities that may sign the server, or a context
   * that has them. Without either, Node's own authorities.
   */
  ca?: string;
  secureContext?: SecureContext;
  /** null: no proxy, also if the environment names one. */
  proxy: ProxyServer | null;
  /** Connections that are kept for the next request; 0: none. */
  keep?: number;
}

/**
 * Time for one address of a host name before the next one is tried; milliseconds. Node's
 * own 250 are too short for many handshakes, and then Node connects to no address:
 * https://github.com/nodejs/node/issues/54359. A lost SYN is sent again after one second.
 */
const ADDRESS_TIMEOUT_MS = 3_000;
/**
 * Time for the proxy to open its tunnel: a request that is given up earlier would leave its socket open; milliseconds.
 */
const TUNNEL_TIMEOUT_MS = 30_000;

export function tlsAgent({ proxy, keep = 0, ...trust }: TlsAgentOptions): Agent {
  // For the connection to the proxy, Node takes this time only from its global default.
  if (proxy !== null) setDefaultAutoSelectFamilyAttemptTimeout(ADDRESS_TIMEOUT_MS);
  return new Agent({
    ...trust,
    // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment would change the default.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
    ...(keep > 0 ? { keepAlive: true, maxFreeSockets: keep } : {}),
    // Node's own CONNECT. Without `proxyEnv` this agent uses no proxy, also under NODE_USE_ENV_PROXY.
    ...(proxy === null
      ? {}
      : { proxyEnv: { HTTPS_PROXY: proxy.https, NO_PROXY: proxy.no }, timeout: TUNNEL_TIMEOUT_MS }),
  });
}

/**
 * The option of axios that belongs to such an agent. `proxy: false` would also disable the configured proxy; without it
 * axios leaves the proxy to an agent that has one (Node 24.5), and reads no variable of the environment.
 */
export function proxyOption({ options }: Agent): { proxy?: false } {
  return options.proxyEnv === undefined ? { proxy: false } : {};
}

/** URL of the proxy that such an agent uses; null for none. */
export function proxyOf({ options }: Agent): string | null {
  return options.proxyEnv?.HTTPS_PROXY ?? null;
}
