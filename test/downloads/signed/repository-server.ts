/** Serves the files of a publisher over HTTPS on loopback; a test can replace any answer by a hostile or broken one. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeCertificates } from '../../sandbox/control-plane/certificate.ts';

export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export class RepositoryServer implements AsyncDisposable {
  /** By path below the URL; instead of the file. */
  readonly answers = new Map<string, Answer>();
  /** Called with the path of each request, before the response begins. */
  onRequest: (path: string, response: ServerResponse) => void = () => {};
  /** Paths below the URL, in order, with the Range if one was asked for. */
  readonly requests: string[] = [];
  /** PEM of its authority. */
  readonly ca: string;
  readonly #files: ReadonlyMap<string, Buffer>;
  readonly #server: Server;

  constructor(files: ReadonlyMap<string, Buffer>, certificates = makeCertificates(['127.0.0.1', 'localhost'])) {
    this.#files = files;
    this.ca = certificates.ca;
    const { certificate: cert, key } = certificates.server;
    this.#server = createServer({ cert, key }, (request, response) => this.#answer(request, response));
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}/repo`;
  }

  /** The requests since the last call. */
  takeRequests(): string[] {
    return this.requests.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent((request.url ?? '').replace(/^\/repo\//, ''));
    const { range } = request.headers;
    this.onRequest(path, response);
    this.requests.push(range === undefined ? path : `${path} ${range}`);
    const content = this.#files.get(path);
    const answer = this.answers.get(path) ?? (content === undefined ? status(404) : file(content));
    answer(response, request);
  }
}

/** The file, or the rest of it where a Range is asked for. */
export function file(content: Buffer): Answer {
  return (response, { headers: { range } }) => {
    const first = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    const rest = content.subarray(first);
    const part = { 'Content-Range': `bytes ${first}-${content.length - 1}/${content.length}` };
    response.writeHead(first > 0 ? 206 : 200, { 'Content-Length': rest.length, ...(first > 0 ? part : {}) }).end(rest);
  };
}

/** The file without its length being announced. */
export function unannounced(content: Buffer): Answer {
  return (response) => response.writeHead(200).end(content);
}

export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (response) => response.writeHead(code, headers).end();
}

/** Never stops sending. */
export const endless: Answer = (response) => {
  response.writeHead(200);
  const block = Buffer.alloc(16_384, ' ');
  const more = () => {
    while (!response.destroyed && response.write(block));
  };
  response.on('drain', more);
  more();
};

/** A beginning, and then nothing. */
export const stalling: Answer = (response) => void response.writeHead(200).write('{');

/** A byte now and then: it is never silent, and never done. */
export const dripping: Answer = (response) => {
  response.writeHead(200);
  const timer = setInterval(() => response.write(' '), 20);
  response.on('close', () => clearInterval(timer));
};

/** The file up to this byte, and then the connection is cut. */
export function cutOff(content: Buffer, afterBytes: number): Answer {
  return (response) => {
    response.writeHead(200, { 'Content-Length': content.length });
    response.write(content.subarray(0, afterBytes), () => response.destroy());
  };
}
