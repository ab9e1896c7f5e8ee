/** One request to the API server, and what came back. */

export interface Exchange {
  method: 'GET' | 'POST' | 'PATCH';
  /** Path and query below the server's URL. */
  path: string;
  accept: string;
  contentType?: string;
  body?: string;
  /** The request in words, for errors: `get namespaces "vm-apps"`. */
  doing: string;
}

export interface Answer {
  status: number;
  retryAfter: string | null;
  body: string;
  /** Length of the body on the wire. */
  bytes: number;
}
