/**
 * How the agent talks to the server of a repository: https only, redirects
 * on the same host only, certificates of the operator's own authority.
 */
import { AgentError } from '../../base/errors.ts';
import type { ProxyServer } from '../../host/tls-agent.ts';
import type { HttpPolicy } from '../policy.ts';
import { trustingAgent } from '../server-trust.ts';

const REMEDIES = {
  notFound: 'check repository.url, and that all of the repository was copied to it',
  redirect: 'set repository.url to the place where the repository is',
  wrongDigest: 'the file on the server is not the one that was signed: publish it again, and find out who changed it',
  tooLarge: 'check what is published there: no file of the agent or of Istio is that large',
  certificate:
    'check that repository.caFile (without it the trust store of this machine) holds the authority of this server, that repository.url is a name in its certificate, and the clock of this machine (timedatectl)',
  address: 'check repository.url, or the URL in the ConfigMap, and that the server runs',
};

/** As `trustingAgent`. */
export async function repositoryPolicy(trust: {
  caFile: string | null;
  root: string;
  proxy: ProxyServer | null;
}): Promise<HttpPolicy> {
  const agent = await trustingAgent({ ...trust, caKey: 'repository.caFile' });
  return { redirects: 'same-host', agent, plainHttp: false, remedies: REMEDIES };
}

/** The base URL without a slash at its end. Throws SMM464 for one that is not https. */
export function baseUrl(url: string, allowHttp: boolean): string {
  const { protocol } = URL.canParse(url) ? new URL(url) : { protocol: null };
  if (protocol === 'https:' || (allowHttp && protocol === 'http:')) return url.replace(/\/+$/, '');
  throw new AgentError(
    'SMM464',
    `cannot use the repository ${JSON.stringify(url)}: its URL does not begin with https://`,
    'set repository.url, or the URL in the ConfigMap, to one that does',
  );
}
