/**
 * A forward proxy that supports only CONNECT (RFC 9110, section 9.3.6), optionally with a password. Records its
 * requests. Can connect to another place than the request names, like a proxy with a resolver of its own.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';

export class ConnectProxy implements AsyncDisposable {
  /** The requested targets, as `host:port`, as the client wrote them. */
  readonly asked: string[] = [];
  /** From a requested target to the target to which the proxy connects instead. */
  readonly ways = new Map<string, { host: string; port: number }>();
  /** `user:password`. Requests without it are refused with 407. */
  password: string | null = null;
  /** Accepts the request and never answers. */
  isHanging = false;
  readonly #open = new Set<Duplex>();
  readonly #server: Server = createServer().on('connect', (request, socket, head) =>
    this.#tunnel(request, socket, head),
  );

  async start(): Promise<this> {
    this.#server.on('connection', (socket) => this.#keep(socket));
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The open connections, on both sides. */
  get connections(): number {
    return this.#open.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  #tunnel({ url = '', headers }: IncomingMessage, client: Duplex, head: Buffer): void {
    this.asked.push(url);
    client.on('error', () => client.destroy());
    if (this.isHanging) return;
    const wanted = this.password === null ? undefined : `Basic ${Buffer.from(this.password).toString('base64')}`;
    if (headers['proxy-authorization'] !== wanted && wanted !== undefined) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="way out"\r\n\r\n');
      return;
    }
    const { hostname, port } = new URL(`tcp://${url}`);
    const way = this.ways.get(url) ?? { host: hostname, port: Number(port) };
    const server = this.#keep(connect(way.port, way.host));
    server.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    server.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      server.write(head);
      server.pipe(client).pipe(server);
    });
  }

  #keep<T extends Duplex>(socket: T): T {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  }
}
