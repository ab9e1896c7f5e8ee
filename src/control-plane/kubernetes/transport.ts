/**
 * One HTTPS exchange with the API server. The only file of the control plane that knows the HTTP library, so that a
 * bundler can leave out the parts of it that the agent does not use (forms, redirects, proxies).
 */
import type { Agent } from 'node:https';
import axios, { type AxiosInstance } from 'axios';
import { type ProxyServer, proxyOption, tlsAgent } from '../../host/tls-agent.ts';
import { invalidAnswer } from './answer-failure.ts';
import { credential } from './credential.ts';
import type { Answer, Exchange } from './exchange.ts';
import { ControlPlaneError } from './failure.ts';
import { closedFailure, deadlineFailure, networkFailure } from './network-failure.ts';

export interface TransportOptions {
  /** URL of the API server, https only, without a trailing path. */
  server: string;
  /** PEM file of the authorities. Read for each request, so that a rotated one counts at once. */
  caFile: string;
  /** Bearer token, read afresh for each request. */
  tokenFile: string;
  /** null, the default: no proxy, also if the environment names one. */
  proxy?: ProxyServer | null;
  /** For one exchange, from reading the token to the last byte of the body. Milliseconds. */
  deadlineMs?: number;
  /** Longer answers are an error. Bytes. */
  maxAnswerBytes?: number;
}

export class Transport {
  readonly #options: Required<TransportOptions>;
  readonly #closing = new AbortController();
  #connections: { ca: string; agent: Agent } | null = null;
  #http: AxiosInstance | null = null;
  #token: string | null = null;

  constructor(options: TransportOptions) {
    this.#options = { proxy: null, deadlineMs: 10_000, maxAnswerBytes: 4 * 1024 * 1024, ...options };
  }

  /** Sends one request. Any HTTP status is an answer; without one it rejects with ControlPlaneError. */
  async send(exchange: Exchange): Promise<Answer> {
    const abort = new AbortController();
    const stop = () => abort.abort();
    const timer = setTimeout(stop, this.#options.deadlineMs);
    this.#closing.signal.addEventListener('abort', stop);
    try {
      return await this.#exchange(exchange, abort.signal);
    } catch (error) {
      if (this.#closing.signal.aborted) throw closedFailure(exchange.doing);
      // If a file could not be read in time, its own error is right: the server was not asked.
      if (error instanceof ControlPlaneError && error.kind === 'credentials') throw error;
      if (abort.signal.aborted) throw deadlineFailure(exchange.doing, this.#options.server, this.#options.deadlineMs);
      throw error;
    } finally {
      clearTimeout(timer);
      this.#closing.signal.removeEventListener('abort', stop);
    }
  }

  /** The token of the last request; null before the first. */
  get token(): string | null {
    return this.#token;
  }

  /** Aborted by `close`. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Ends running requests; later requests are refused. */
  close(): void {
    this.#closing.abort();
    this.#connections?.agent.destroy();
  }

  async #exchange(exchange: Exchange, signal: AbortSignal): Promise<Answer> {
    if (this.#closing.signal.aborted) throw closedFailure(exchange.doing);
    const token = await credential(this.#options.tokenFile, 'token', exchange.doing, signal);
    this.#token = token;
    const agent = this.#agent(await credential(this.#options.caFile, 'CA', exchange.doing, signal));
    try {
      return await this.#once(exchange, token, agent, signal);
    } catch (error) {
      // The server may close an idle connection at any time: if it did so while the request was sent, that says nothing
      // about the server. Every write of the agent is guarded, so that sending it twice does no harm.
      if (signal.aborted || !wasIdleConnection(error)) throw this.#failure(error, exchange.doing);
    }
    try {
      return await this.#once(exchange, token, agent, signal);
    } catch (error) {
      throw this.#failure(error, exchange.doing);
    }
  }

  async #once(exchange: Exchange, token: string, agent: Agent, signal: AbortSignal): Promise<Answer> {
    this.#http ??= axios.create({
      adapter: 'http',
      // A redirect would carry the token to the host that it names.
      maxRedirects: 0,
      // The API server compresses only answers above 128 KB; without it no decompressor is kept in memory.
      decompress: false,
      responseType: 'arraybuffer',
      maxContentLength: this.#options.maxAnswerBytes,
      validateStatus: () => true,
      transformRequest: [(body: unknown) => body],
      transformResponse: [(body: unknown) => body],
    });
    const { data, status, headers } = await this.#http.request<Buffer>({
      method: exchange.method,
      url: this.#options.server.replace(/\/+$/, '') + exchange.path,
      httpsAgent: agent,
      // The request, with its token, must not go through a proxy of the environment.
      ...proxyOption(agent),
      signal,
      headers: {
        Accept: exchange.accept,
        'Accept-Encoding': 'identity',
        Authorization: `Bearer ${token}`,
        'User-Agent': 'smm-agent',
        ...(exchange.contentType === undefined ? {} : { 'Content-Type': exchange.contentType }),
      },
      ...(exchange.body === undefined ? {} : { data: exchange.body }),
    });
    const retryAfter: unknown = headers['retry-after'];
    return {
      status,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
      body: data.toString('utf8'),
      bytes: data.length,
    };
  }

  #agent(ca: string): Agent {
    if (this.#connections?.ca !== ca) {
      this.#connections?.agent.destroy();
      const agent = tlsAgent({ ca, proxy: this.#options.proxy, keep: 1 });
      this.#connections = { ca, agent };
    }
    return this.#connections.agent;
  }

  #failure(error: unknown, doing: string): ControlPlaneError {
    if (error instanceof Error && error.message.startsWith('maxContentLength')) {
      return invalidAnswer(doing, `it is longer than ${this.#options.maxAnswerBytes} bytes`);
    }
    return networkFailure(error, doing, this.#options.server, this.#options.proxy?.https ?? null);
  }
}

function wasIdleConnection(error: unknown): boolean {
  if (!axios.isAxiosError(error) || error.response !== undefined) return false;
  const request: unknown = error.request;
  const reused =
    typeof request === 'object' && request !== null && 'reusedSocket' in request && request.reusedSocket === true;
  return reused && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}
