/**
 * One GET whose body is a stream. TLS is verified, and only the proxy of the configuration is used: neither HTTPS_PROXY nor any other
 * variable of the environment can send the agent elsewhere.
 */
import { Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { AgentError, describeError } from '../base/errors.ts';
import { proxyOf, proxyOption } from '../host/tls-agent.ts';
import { addressProblem } from './address-problem.ts';
import type { Deadline } from './deadline.ts';
import { DownloadError, parseRetryAfter } from './errors.ts';
import { isPlainAllowed } from './plain-http.ts';
import type { HttpPolicy } from './policy.ts';

const MAX_REDIRECTS = 5;

export interface Response {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string | undefined>;
  body: IncomingMessage;
}

// OpenSSL's names of verification errors, and Node's own: https://nodejs.org/api/tls.html#x509-certificate-error-codes
const CERTIFICATE =
  /^(ERR_TLS_CERT|ERR_SSL)|CERT|_CRL_|SIGNATURE|ISSUER|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH/;

/**
 * Resolves with the head of a 2xx or 416 answer, or one with a status of `also`. Rejects with SMM410 (404), SMM411 (any
 * other status), SMM412 (no answer), SMM413 (a redirect that is not followed), SMM463 (a certificate), SMM465 (http where only https will
 * do) and with what aborted the deadline. The caller destroys `body`.
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
      // The digest is over the file as it lies on the server: a body that is unpacked on the way is another file.
      decompress: false,
      headers: { ...headers, 'Accept-Encoding': 'identity', Accept: '*/*', 'User-Agent': 'smm-agent' },
      maxRedirects: MAX_REDIRECTS,
      beforeRedirect: (options) => {
        // Without TLS anybody on the way could choose what is fetched, and the digest beside it.
        if (protocol === 'https:' && options.protocol !== 'https:') {
          refused = redirectRefused(policy, url, `it leads from https to ${options.href}`);
          throw refused;
        }
        if (policy.redirects === 'same-host' && new URL(String(options.href)).origin !== asked.origin) {
          refused = redirectRefused(policy, url, `it leads to another host, ${options.href}`);
          throw refused;
        }
        if (!isPlainAllowed(new URL(String(options.href)), policy)) {
          refused = redirectRefused(policy, url, `it leads to ${options.href}, where nothing but https will do`);
          throw refused;
        }
        protocol = String(options.protocol);
      },
      ...proxyOption(policy.agent),
      // Node's own would take a proxy of the environment under NODE_USE_ENV_PROXY; this one has none, and says so to axios as well.
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
    if (CERTIFICATE.test(code)) {
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

/** The connection was refused or broke: SMM412. The cause is told in words, without axios's copy of the request. */
export function broken(url: string, cause: unknown): DownloadError {
  return new DownloadError('SMM412', `cannot download ${url}: ${describeBreak(cause)}`);
}

/** Node has several names for one thing ("aborted", "socket hang up", "read ECONNRESET"), by the moment it happened in. */
function describeBreak(cause: unknown): string {
  const isReset = cause instanceof Error && 'code' in cause && cause.code === 'ECONNRESET';
  return (isReset ? '' : describeError(cause)) || 'the connection broke';
}

function statusError({ remedies }: HttpPolicy, url: string, { status, headers }: Response): AgentError {
  if (status === 404) {
    return new AgentError('SMM410', `cannot find ${url}: the server answers 404`, remedies.notFound);
  }
  const retryAfterMs = parseRetryAfter(headers['retry-after'], new Date());
  const asked = retryAfterMs === null ? '' : ` and asks to wait ${Math.ceil(retryAfterMs / 1000)} s`;
  return new DownloadError('SMM411', `cannot download ${url}: the server answers ${status}${asked}`, { retryAfterMs });
}

function plainRefused(url: string): AgentError {
  return new AgentError(
    'SMM465',
    `cannot download ${url}: over http anybody on the way could put in what runs as root here`,
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
