/** Which proxy, if any, the configuration names for what. */
import type { Config } from '../config.ts';
import type { ProxyServer } from '../host/tls-agent.ts';

export function downloadProxy({ proxy: { https, no } }: Pick<Config, 'proxy'>): ProxyServer | null {
  return https === undefined ? null : { https, no: no ?? '' };
}

export function controlPlaneProxy(config: Pick<Config, 'proxy'>): ProxyServer | null {
  return config.proxy.controlPlane ? downloadProxy(config) : null;
}
