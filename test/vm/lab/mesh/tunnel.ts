/** Requests from a test process into the control plane's namespace, through the relay that stands there. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';

export interface TunnelRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** For https: what the server's certificate is checked against. It is always checked. */
  readonly ca?: string;
  readonly timeoutMs?: number;
}

export interface TunnelResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export class Tunnel {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** A raw connection to an address of the lab's network. A refused one shows as an end right after it was made. */
  dial(host: string, port: number): Socket {
    const socket = connect(this.#socketPath);
    socket.write(`${host} ${port}\n`);
    return socket;
  }

  /** Each request has a connection of its own: a test that kills a server must not see a kept one fail later. */
  request(url: string, options: TunnelRequest = {}): Promise<TunnelResponse> {
    const target = new URL(url);
    const secure = target.protocol === 'https:';
    const port = Number(target.port || (secure ? 443 : 80));
    const requestOptions: RequestOptions = {
      method: options.method ?? 'GET',
      headers: { host: target.host, connection: 'close', ...options.headers },
      path: `${target.pathname}${target.search}`,
      createConnection: () => {
        const socket = this.dial(target.hostname, port);
        return secure ? tlsConnect({ socket, host: target.hostname, ca: options.ca }) : socket;
      },
      signal: AbortSignal.timeout(options.timeoutMs ?? 30_000),
    };
    return new Promise((resolve, reject) => {
      const failed = (cause: unknown): void =>
        reject(new Error(`cannot ${requestOptions.method} ${url}: ${cause}`, { cause }));
      const outgoing = (secure ? httpsRequest : httpRequest)(requestOptions, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', failed);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      });
      outgoing.on('error', failed);
      outgoing.end(options.body);
    });
  }
}
