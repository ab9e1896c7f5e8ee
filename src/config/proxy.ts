/** The proxies that the configuration names for downloads and for the control plane; null if there is none. */

import type { ProxyServer } from '../host/tls-agent.ts';
import type { Config } from './schema.ts';

export function downloadProxy({ proxy: { https, no } }: Pick<Config, 'proxy'>): ProxyServer | null {
  return https === undefined ? null : { https, no: no ?? '' };
}

export function controlPlaneProxy(config: Pick<Config, 'proxy'>): ProxyServer | null {
  return config.proxy.controlPlane ? downloadProxy(config) : null;
}
