/**
 * Why there was no connection at all: the name, the port or the proxy. The operator's next step is different for each.
 */
import { isAtProxy, networkError } from '../host/network-error.ts';
import { DownloadError } from './errors.ts';

export interface Way {
  /** The remedy for a wrong address of this server. */
  address: string;
  /** URL of the proxy of the configuration; null for none. */
  proxy: string | null;
}

/** SMM412 with a remedy of its own; null for any other problem. */
export function addressProblem(url: string, cause: unknown, way: Way): DownloadError | null {
  const { host, hostname } = new URL(url);
  const found = networkError(cause);
  const address = isAtProxy(found, way.proxy, url) ? 'check proxy.https, and that the proxy runs' : way.address;
  const because = (why: string, remedy: string) =>
    new DownloadError('SMM412', `cannot download ${url}: ${why}; ${remedy}`, { remedy });
  switch (found.code) {
    case 'ECONNREFUSED':
      return because(`nothing listens at ${found.place ?? host} (ECONNREFUSED)`, address);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return because(
        `the name ${found.hostname ?? hostname} does not resolve (${found.code})`,
        `${address}, and the DNS of this machine`,
      );
    case 'ETIMEDOUT':
      return because(`${found.place ?? host} does not answer (ETIMEDOUT)`, `${address}, and firewalls between`);
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return because(`there is no route to ${found.place ?? host} (${found.code})`, `${address}, and the routes here`);
    case 'ERR_PROXY_TUNNEL':
      return because(`the proxy opens no tunnel (${found.message})`, 'check proxy.https, and what the proxy allows');
    default:
      return null;
  }
}
