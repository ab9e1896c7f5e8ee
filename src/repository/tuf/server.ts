/** How the server of a repository is spoken to: https only, redirects on the same host only, certificates by the operator's own authority. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { AgentError } from '../../errors.ts';
import type { HttpPolicy } from '../policy.ts';

const REMEDIES = {
  notFound: 'check repository.url, and that all of the repository was copied to it',
  redirect: 'set repository.url to where the repository really is',
  wrongDigest: 'the file on the server is not the one that was signed: publish it again, and find out who changed it',
  tooLarge: 'check what is published there: no file of the agent or of Istio is that large',
  certificate:
    'check that repository.caFile holds the authority of this server, that repository.url is a name in its certificate, and the clock of this machine (timedatectl)',
};

/** Rejects with SMM462 when the file of the authorities cannot be used. It is read anew each time, so that another one counts at once. */
export async function repositoryPolicy(caFile: string | null): Promise<HttpPolicy> {
  const ca = caFile === null ? {} : { ca: await authorities(caFile) };
  // rejectUnauthorized is said aloud because NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment would change its default.
  const agent = new Agent({ ...ca, rejectUnauthorized: true, minVersion: 'TLSv1.2' });
  return { redirects: 'same-host', agent, remedies: REMEDIES };
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

async function authorities(caFile: string): Promise<string> {
  try {
    const pem = await readFile(caFile, 'utf8');
    new X509Certificate(pem);
    return pem;
  } catch (cause) {
    throw new AgentError(
      'SMM462',
      `cannot use the authorities in ${caFile}`,
      'let repository.caFile name a PEM file with the certificates of the authorities that sign the server of the repository',
      { cause },
    );
  }
}
