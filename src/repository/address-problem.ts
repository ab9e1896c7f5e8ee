/** No connection at all: which of name, port and proxy it was, since the next step of an operator is another one for each. */
import { DownloadError } from './errors.ts';

/** SMM412 with what to look at; null for what is no such problem. `address` is the remedy for a wrong address of this server. */
export function addressProblem(url: string, cause: unknown, address: string): DownloadError | null {
  const { host, hostname } = new URL(url);
  const found = innermost(cause);
  const because = (why: string, remedy: string) =>
    new DownloadError('SMM412', `cannot download ${url}: ${why}; ${remedy}`, { remedy });
  switch (found.code) {
    case 'ECONNREFUSED':
      return because(`nobody listens at ${placeOf(found) ?? host} (ECONNREFUSED)`, address);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return because(
        `the name ${hostname} does not resolve (${found.code})`,
        `${address}, and the DNS of this machine`,
      );
    case 'ETIMEDOUT':
      return because(`${placeOf(found) ?? host} does not answer (ETIMEDOUT)`, `${address}, and firewalls between`);
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return because(
        `there is no route to ${placeOf(found) ?? host} (${found.code})`,
        `${address}, and the routes here`,
      );
    case 'ERR_PROXY_TUNNEL':
      return because(`the proxy makes no way (${found.message})`, 'check proxy.https, and what the proxy allows');
    default:
      return null;
  }
}

interface Found {
  code?: unknown;
  message?: string;
  address?: unknown;
  port?: unknown;
}

/** Where several addresses were tried, Node gives an error without words, and the one of each inside; axios wraps both. */
function innermost(error: unknown): Found {
  if (!(error instanceof Error)) return {};
  if (error instanceof AggregateError) return innermost(error.errors.at(-1));
  if (error.cause instanceof Error) return innermost(error.cause);
  return error;
}

/** Another than that of the URL where a proxy is between. */
function placeOf({ address, port }: Found): string | null {
  if (typeof address !== 'string' || typeof port !== 'number') return null;
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
