/** What differs between the servers that files come from: whom a redirect may lead to, who vouches for the server, what to do about it. */
import type { Agent } from 'node:https';

export interface HttpPolicy {
  /** `anywhere`: to any host, but never from https to http. `same-host`: to the same scheme, host and port only. */
  redirects: 'anywhere' | 'same-host';
  /** Makes the connections; default: Node's own. */
  agent?: Agent;
  /** What an operator can do, for the errors of this server. */
  remedies: {
    notFound: string;
    redirect: string;
    wrongDigest: string;
    tooLarge: string;
    /** Where there is one, a certificate that is not trusted is an error of its own and not a broken connection. */
    certificate?: string;
  };
}

/** Istio's own downloads and their mirrors redirect as they like: the digest is what counts. */
export const OFFICIAL: HttpPolicy = {
  redirects: 'anywhere',
  remedies: {
    notFound: 'check istio.downloads and the version',
    redirect: 'set istio.downloads to where the files really are',
    wrongDigest: 'the file or its .sha256 is damaged or was exchanged: compare both with the official ones',
    tooLarge: 'check what the server publishes there: no Istio package is that large',
  },
};
