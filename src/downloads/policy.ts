/** What differs between the servers that files come from: whom a redirect may lead to, who vouches for the server, what to do about it. */
import type { Agent } from 'node:https';

export interface HttpPolicy {
  /** `anywhere`: to any host, but never from https to http. `same-host`: to the same scheme, host and port only. */
  redirects: 'anywhere' | 'same-host';
  /** Makes the connections: server-trust.ts. */
  agent: Agent;
  /** Whether http will do for every host: somebody else vouches for the bytes. Else it does for this machine's own loopback only. */
  plainHttp: boolean;
  /** What an operator can do, for the errors of this server. */
  remedies: {
    notFound: string;
    redirect: string;
    wrongDigest: string;
    tooLarge: string;
    certificate: string;
    /** Nobody listens there, or the name does not resolve. */
    address: string;
  };
}
