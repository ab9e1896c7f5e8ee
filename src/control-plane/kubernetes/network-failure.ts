/** Why no answer came (DNS, connection, TLS or deadline), in words that tell an operator where to look. */
import { isAtProxy, isCertificateError, networkError } from '../../host/network-error.ts';
import { ControlPlaneError } from './failure.ts';

const DNS = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME']);
/** Failures of TLS itself, beside those of a certificate. */
const TLS = /^(ERR_TLS|EPROTO)/;

/**
 * The failure for an error of the HTTP library. Only its text and code are kept: the library's errors carry the whole
 * request, token included, and a log of the cause would show it. `proxy` is the URL of the proxy, null for none.
 */
export function networkFailure(
  error: unknown,
  doing: string,
  server: string,
  proxy: string | null = null,
): ControlPlaneError {
  const code = codeOf(error);
  const cause = new Error(error instanceof Error ? error.message || code : String(error));
  if (isAtProxy(networkError(error), proxy, server)) {
    return new ControlPlaneError(
      'unreachable',
      'SMM206',
      `cannot ${doing}: no connection to the proxy ${proxy} (${code})`,
      'check proxy.https, and that the proxy runs; name hosts that need no proxy in proxy.no',
      { cause },
    );
  }
  if (DNS.has(code)) {
    return new ControlPlaneError(
      'unreachable',
      'SMM205',
      `cannot ${doing}: the name of ${server} does not resolve (${code})`,
      'check controlPlane.server and the DNS of this machine',
      { cause },
    );
  }
  if (TLS.test(code) || isCertificateError(code)) {
    return new ControlPlaneError(
      'unreachable',
      'SMM207',
      `cannot ${doing}: the certificate of ${server} cannot be trusted (${code})`,
      'check that controlPlane.caFile holds the authority of this API server, and that the URL is a name in its certificate',
      { cause },
    );
  }
  if (code === 'ERR_PROXY_TUNNEL') {
    return new ControlPlaneError(
      'unreachable',
      'SMM206',
      `cannot ${doing}: the proxy opens no tunnel to ${server} (${cause.message})`,
      'check proxy.https, and that the proxy lets this machine reach the API server',
      { cause },
    );
  }
  if (code.startsWith('HPE_')) return notHttp(doing, server, cause);
  return new ControlPlaneError(
    'unreachable',
    'SMM206',
    `cannot ${doing}: no connection to ${server} (${code || cause.message})`,
    'check that the API server runs and that no firewall stands between; while Istio stops or starts, this passes by itself',
    { cause },
  );
}

export function deadlineFailure(doing: string, server: string, deadlineMs: number): ControlPlaneError {
  return new ControlPlaneError(
    'unreachable',
    'SMM208',
    `cannot ${doing}: ${server} did not answer completely within ${deadlineMs / 1000} s`,
    'look at the load of the API server and at the network between',
  );
}

export function closedFailure(doing: string): ControlPlaneError {
  return new ControlPlaneError('unreachable', 'SMM215', `cannot ${doing}: the agent is stopping`, 'nothing to do');
}

function notHttp(doing: string, server: string, cause: Error): ControlPlaneError {
  const sentence = `cannot ${doing}: the server at ${server} does not speak HTTP`;
  return new ControlPlaneError('invalid', 'SMM210', sentence, 'check controlPlane.server', { cause });
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.cause === undefined ? '' : codeOf(error.cause);
}
