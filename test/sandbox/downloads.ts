/**
 * A download server on loopback with the layout of Istio's downloads, and with the faults of real servers, which can be
 * switched on and off while it runs. Faults concern the packages; with `onDigests` the digest files too.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Identity } from './control-plane/certificate.ts';
import { HOST_ARCHITECTURE } from './istio-package.ts';

export type Fault =
  | { kind: 'none' }
  /** Sends a block, then pauses, and so on. */
  | { kind: 'slow'; blockBytes: number; pauseMs: number }
  /** Cuts the connection before the head of an answer. */
  | { kind: 'no-head' }
  /** Cuts the connection after this many bytes of each answer. */
  | { kind: 'cut-off'; afterBytes: number }
  | { kind: 'wrong-bytes' }
  /** Content-Length is larger than the body by this many bytes; smaller if negative. */
  | { kind: 'lying-length'; byBytes: number }
  | { kind: 'status'; status: number; retryAfter?: string }
  /** Accepts the request and never answers. */
  | { kind: 'hang' }
  /** Sends a head and some bytes, and then nothing more. */
  | { kind: 'stall'; afterBytes: number }
  /** Never stops sending, without Content-Length. */
  | { kind: 'endless' }
  | { kind: 'ignore-range' }
  /** Answers Range with 206 and another part. */
  | { kind: 'wrong-range' }
  | { kind: 'redirect'; to: string };

export class DownloadServer {
  fault: Fault = { kind: 'none' };
  /** If true, the fault is switched off after the next answer. */
  once = false;
  onDigests = false;
  /** All requests so far: method, path and Range. */
  readonly requests: { path: string; range: string | null }[] = [];
  readonly #files = new Map<string, { content: Buffer; etag: string }>();
  readonly #scheme: string;
  readonly #server: Server;

  /** Serves https if `tls` is given. */
  constructor(tls?: Identity) {
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response);
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server =
      tls === undefined ? createServer(answer) : createTlsServer({ cert: tls.certificate, key: tls.key }, answer);
  }

  /** Publishes a package and its digest file for a version. */
  publish(version: string, content: Buffer, architecture: string = HOST_ARCHITECTURE): void {
    const name = `istio-sidecar${architecture === 'arm64' ? '-arm64' : ''}.deb`;
    this.put(`/${version}/deb/${name}`, content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    this.put(`/${version}/deb/${name}.sha256`, Buffer.from(`${sha256} ${name}\n`));
  }

  put(path: string, content: Buffer): void {
    const etag = `"${createHash('sha256').update(content).digest('hex').slice(0, 16)}"`;
    this.#files.set(path, { content, etag });
  }

  /** The base URL, for `istio.downloads`. */
  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async start(port = 0): Promise<this> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject).listen(port, '127.0.0.1', resolve);
    await promise;
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const range = request.headers.range ?? null;
    this.requests.push({ path, range });
    const isHit = this.onDigests || !path.endsWith('.sha256');
    const fault: Fault = isHit ? this.fault : { kind: 'none' };
    if (isHit && this.once) this.fault = { kind: 'none' };
    const file = this.#files.get(path);
    if (file === undefined) {
      response.writeHead(404).end('not found\n');
      return;
    }
    if (fault.kind === 'hang') return;
    if (fault.kind === 'no-head') {
      response.destroy();
      return;
    }
    if (fault.kind === 'status') {
      response.writeHead(fault.status, fault.retryAfter ? { 'Retry-After': fault.retryAfter } : {}).end();
      return;
    }
    if (fault.kind === 'redirect') {
      response.writeHead(302, { Location: fault.to.replace('{path}', path) }).end();
      return;
    }
    const ifRange = request.headers['if-range'];
    const isFresh = ifRange === undefined || ifRange === file.etag;
    const first = range === null || !isFresh || fault.kind === 'ignore-range' ? 0 : Number(/\d+/.exec(range)?.[0]);
    const total = file.content.length;
    if (first > 0 && first >= total) {
      response.writeHead(416, { 'Content-Range': `bytes */${total}` }).end();
      return;
    }
    const body = Buffer.from(file.content.subarray(first));
    if (fault.kind === 'wrong-bytes') body.fill('x', Math.floor(body.length / 2), Math.floor(body.length / 2) + 8);
    const announced = body.length + (fault.kind === 'lying-length' ? fault.byBytes : 0);
    const shown = fault.kind === 'wrong-range' ? first + 1 : first;
    response.writeHead(first > 0 ? 206 : 200, {
      ETag: file.etag,
      'Accept-Ranges': 'bytes',
      ...(fault.kind === 'endless' ? {} : { 'Content-Length': announced }),
      ...(first > 0 ? { 'Content-Range': `bytes ${shown}-${total - 1}/${total}` } : {}),
    });
    await this.#send(response, body, fault);
  }

  async #send(response: ServerResponse, body: Buffer, fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'slow':
        for (let at = 0; at < body.length && !response.destroyed; at += fault.blockBytes) {
          response.write(body.subarray(at, at + fault.blockBytes));
          await delay(fault.pauseMs);
        }
        response.end();
        return;
      case 'cut-off':
        response.write(body.subarray(0, fault.afterBytes), () => response.destroy());
        return;
      case 'stall':
        response.write(body.subarray(0, fault.afterBytes));
        return;
      case 'endless':
        Readable.from(blocksForEver()).pipe(response);
        return;
      case 'lying-length':
        // Written directly to the socket, because Node refuses a body that does not fit Content-Length.
        response.flushHeaders();
        response.socket?.end(body);
        return;
      default:
        response.end(body);
    }
  }
}

function* blocksForEver(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(64 * 1024);
}
