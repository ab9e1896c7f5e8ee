/**
 * One GET whose body is a stream. TLS is verified, and only the configured proxy is used: neither HTTPS_PROXY nor any
 * other variable of the environment can lead the agent elsewhere.
 */
import { Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { AgentError, describeError } from '../base/errors.ts';
import { isCertificateError } from '../host/network-error.ts';
import { retryAfterMs } from '../host/retry-after.ts';
import { proxyOf, proxyOption } from '../host/tls-agent.ts';
import { addressProblem } from './address-problem.ts';
import type { Deadline } from './deadline.ts';
import { DownloadError, MAX_RETRY_AFTER_MS } from './errors.ts';
import { isPlainAllowed } from './plain-http.ts';
import type { HttpPolicy } from './policy.ts';

const MAX_REDIRECTS = 5;

export interface Response {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string | undefined>;
  body: IncomingMessage;
}

/**
 * Resolves with the head of a 2xx or 416 answer, or one with a status of `also`. Rejects with SMM410 (404), SMM411 (any
 * other status), SMM412 (no answer), SMM413 (a redirect that is not followed), SMM463 (a certificate), SMM465 (http
 * where only https is allowed) and with the reason of an aborted deadline. The caller destroys `body`.
 */
export async function get(
  url: string,
  headers: Record<string, string>,
  deadline: Deadline,
  policy: HttpPolicy,
  also: readonly number[] = [],
): Promise<Response> {
  const { default: axios } = await import('axios');
  const asked = new URL(url);
  if (!isPlainAllowed(asked, policy)) throw plainRefused(url);
  let { protocol } = asked;
  let refused: AgentError | undefined;
  try {
    const response = await axios.get<IncomingMessage>(url, {
      adapter: 'http',
      responseType: 'stream',
      // The digest is over the file as it lies on the server: a body that axios decompresses would be another file.
      decompress: false,
      headers: { ...headers, 'Accept-Encoding': 'identity', Accept: '*/*', 'User-Agent': 'smm-agent' },
      maxRedirects: MAX_REDIRECTS,
      beforeRedirect: (options) => {
        // Without TLS an attacker on the network could choose the file, and the digest beside it.
        if (protocol === 'https:' && options.protocol !== 'https:') {
          refused = redirectRefused(policy, url, `it leads from https to ${options.href}`);
          throw refused;
        }
        if (policy.redirects === 'same-host' && new URL(String(options.href)).origin !== asked.origin) {
          refused = redirectRefused(policy, url, `it leads to another host, ${options.href}`);
          throw refused;
        }
        if (!isPlainAllowed(new URL(String(options.href)), policy)) {
          refused = redirectRefused(policy, url, `it leads to ${options.href}, where only https is allowed`);
          throw refused;
        }
        protocol = String(options.protocol);
      },
      ...proxyOption(policy.agent),
      // Node's default agent would use a proxy of the environment under
      // NODE_USE_ENV_PROXY. This one has no proxy, and tells axios so.
      httpAgent: new HttpAgent({ proxyEnv: {} }),
      httpsAgent: policy.agent,
      signal: deadline.signal,
      validateStatus: () => true,
    });
    const answer = { status: response.status, headers: flatten(response.headers), body: response.data };
    if ((answer.status >= 200 && answer.status < 300) || answer.status === 416) return answer;
    if (also.includes(answer.status)) return answer;
    answer.body.destroy();
    throw statusError(policy, url, answer);
  } catch (cause) {
    if (deadline.signal.aborted) throw deadline.signal.reason;
    if (refused !== undefined) throw refused;
    if (cause instanceof AgentError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (code === 'ERR_FR_TOO_MANY_REDIRECTS') {
      throw redirectRefused(policy, url, `there are more than ${MAX_REDIRECTS}`);
    }
    if (isCertificateError(code)) {
      throw new AgentError(
        'SMM463',
        `cannot trust the certificate of ${asked.host} (${code})`,
        policy.remedies.certificate,
      );
    }
    const way = { address: policy.remedies.address, proxy: proxyOf(policy.agent) };
    throw addressProblem(url, cause, way) ?? broken(url, cause);
  }
}

/** The connection was refused or broke: SMM412. The cause is put into words, without axios's copy of the request. */
export function broken(url: string, cause: unknown): DownloadError {
  return new DownloadError('SMM412', `cannot download ${url}: ${describeBreak(cause)}`);
}

/**
 * Node's message for a reset depends on its moment: "aborted",
 * "socket hang up", "read ECONNRESET". Here it is one sentence.
 */
function describeBreak(cause: unknown): string {
  const isReset = cause instanceof Error && 'code' in cause && cause.code === 'ECONNRESET';
  return (isReset ? '' : describeError(cause)) || 'the connection broke';
}

function statusError({ remedies }: HttpPolicy, url: string, { status, headers }: Response): AgentError {
  if (status === 404) {
    return new AgentError('SMM410', `cannot find ${url}: the server answers 404`, remedies.notFound);
  }
  const waitMs = retryAfterMs(headers['retry-after'], new Date(), MAX_RETRY_AFTER_MS);
  const asked = waitMs === null ? '' : ` and asks to wait ${Math.ceil(waitMs / 1000)} s`;
  const message = `cannot download ${url}: the server answers ${status}${asked}`;
  return new DownloadError('SMM411', message, { retryAfterMs: waitMs });
}

function plainRefused(url: string): AgentError {
  return new AgentError(
    'SMM465',
    `cannot download ${url}: over http, an attacker on the network could replace a program that runs as root here`,
    'let istio.downloads begin with https://, or pin its packages: istioDigests in ConfigMap smm-agent',
  );
}

function redirectRefused({ remedies }: HttpPolicy, url: string, reason: string): AgentError {
  return new AgentError('SMM413', `cannot follow the redirect of ${url}: ${reason}`, remedies.redirect);
}

function flatten(headers: object): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      value === undefined ? undefined : String(value),
    ]),
  );
}
