/** Why a connection failed, and to which place: that is the server's, or a proxy's. */

export interface NetworkError {
  /** ECONNREFUSED, ENOTFOUND, ...; empty if the error has none. */
  code: string;
  message: string;
  /** `address:port` that was tried; null if none was tried. */
  place: string | null;
  port: number | null;
  /** The name that could not be resolved; null if that is not the reason. */
  hostname: string | null;
}

/**
 * If several addresses were tried, Node's error has no message and holds one error for each; axios wraps either kind.
 */
export function networkError(error: unknown): NetworkError {
  if (!(error instanceof Error)) return { code: '', message: String(error), place: null, port: null, hostname: null };
  if (error instanceof AggregateError) return networkError(error.errors.at(-1));
  if (error.cause instanceof Error) return networkError(error.cause);
  const { code, address, port, hostname } = error as NodeJS.ErrnoException & Record<string, unknown>;
  const isPlace = typeof address === 'string' && typeof port === 'number';
  return {
    code: typeof code === 'string' ? code : '',
    message: error.message,
    place: isPlace ? `${address.includes(':') ? `[${address}]` : address}:${port}` : null,
    port: isPlace ? port : null,
    hostname: typeof hostname === 'string' ? hostname : null,
  };
}

/**
 * Whether the connection to the proxy failed (a URL, null for
 * none), and not one to the server behind it. `server` is a URL.
 */
export function isAtProxy({ place, port, hostname }: NetworkError, proxy: string | null, server: string): boolean {
  if (proxy === null) return false;
  const [way, end] = [new URL(proxy), new URL(server)];
  if (place === null) return hostname !== null && hostname === way.hostname && hostname !== end.hostname;
  const portOf = (url: URL) => Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  return place === way.host || (port === portOf(way) && port !== portOf(end));
}

// OpenSSL's names of verification errors, and Node's own: https://nodejs.org/api/tls.html#x509-certificate-error-codes
const CERTIFICATE = /^ERR_SSL|CERT|_CRL_|SIGNATURE|ISSUER|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH/;

/** Whether a code means that the server's certificate could not be verified, or that OpenSSL failed. */
export function isCertificateError(code: string): boolean {
  return CERTIFICATE.test(code);
}
