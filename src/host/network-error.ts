/** What Node says of a connection that was not made: which place it was to, since a proxy may be between. */

export interface NetworkError {
  /** ECONNREFUSED, ENOTFOUND, ...; empty where there is none. */
  code: string;
  message: string;
  /** `address:port` that was tried; null where it did not come to that. */
  place: string | null;
  port: number | null;
  /** The name that was to be resolved. */
  hostname: string | null;
}

/** Where several addresses were tried, Node gives an error without words, and the one of each inside; axios wraps both. */
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

/** Whether it was the way to the proxy (a URL, null for none) that failed, and not the server behind it. `server` is its URL. */
export function isAtProxy({ place, port, hostname }: NetworkError, proxy: string | null, server: string): boolean {
  if (proxy === null) return false;
  const [way, end] = [new URL(proxy), new URL(server)];
  if (place === null) return hostname !== null && hostname === way.hostname && hostname !== end.hostname;
  const portOf = (url: URL) => Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  return place === way.host || (port === portOf(way) && port !== portOf(end));
}
