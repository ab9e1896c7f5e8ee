/** How the agent speaks TLS, to whatever server: always verified, with time for slow networks, and through a proxy only where one is configured. */
import { Agent } from 'node:https';
import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import type { SecureContext } from 'node:tls';

/** `proxy` of the configuration. */
export interface ProxyServer {
  /** URL of a proxy that knows CONNECT; http only: what goes through is TLS from end to end. */
  https: string;
  /** Hosts that are reached without it, in the form of NO_PROXY. */
  no: string;
}

export interface TlsAgentOptions {
  /** PEM of the authorities that may sign the server, or a context that knows them. Without either those that Node brings. */
  ca?: string;
  secureContext?: SecureContext;
  /** null: none, whatever the environment says. */
  proxy: ProxyServer | null;
  /** Connections that are kept for the next request; 0: none. */
  keep?: number;
}

/**
 * For one address of a host name, before the next is tried; milliseconds. Node's own 250 are less than many a handshake takes, and then
 * it connects to none: https://github.com/nodejs/node/issues/54359. The first SYN that is lost is sent again after one second.
 */
const ADDRESS_TIMEOUT_MS = 3_000;
/** For the proxy to make its tunnel, where a request that is given up would leave the socket behind; milliseconds. */
const TUNNEL_TIMEOUT_MS = 30_000;

export function tlsAgent({ proxy, keep = 0, ...trust }: TlsAgentOptions): Agent {
  // For the way to the proxy Node takes it from nowhere else.
  if (proxy !== null) setDefaultAutoSelectFamilyAttemptTimeout(ADDRESS_TIMEOUT_MS);
  return new Agent({
    ...trust,
    // Said aloud because NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment would change the default.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
    ...(keep > 0 ? { keepAlive: true, maxFreeSockets: keep } : {}),
    // Node's own CONNECT. Without `proxyEnv` an agent that is made here uses none, also under NODE_USE_ENV_PROXY.
    ...(proxy === null
      ? {}
      : { proxyEnv: { HTTPS_PROXY: proxy.https, NO_PROXY: proxy.no }, timeout: TUNNEL_TIMEOUT_MS }),
  });
}

/**
 * What axios is told beside such an agent. `proxy: false` would take the proxy of the configuration away as well; without it axios leaves
 * the matter to an agent that has one (Node 24.5), and looks at no variable of the environment.
 */
export function proxyOption({ options }: Agent): { proxy?: false } {
  return options.proxyEnv === undefined ? { proxy: false } : {};
}

/** URL of the proxy that such an agent uses; null for none. */
export function proxyOf({ options }: Agent): string | null {
  return options.proxyEnv?.HTTPS_PROXY ?? null;
}
