/**
 * What differs between download servers: where a redirect may lead,
 * whose certificates are trusted, and the remedies for errors.
 */
import type { Agent } from 'node:https';

export interface HttpPolicy {
  /** `anywhere`: to any host, but never from https to http. `same-host`: to the same scheme, host and port only. */
  redirects: 'anywhere' | 'same-host';
  /** Makes the connections: server-trust.ts. */
  agent: Agent;
  /**
   * Whether http is allowed for every host, since a trusted source
   * names the digest. Else only for this machine's own loopback.
   */
  plainHttp: boolean;
  /** The remedies for the errors of this server. */
  remedies: {
    notFound: string;
    redirect: string;
    wrongDigest: string;
    tooLarge: string;
    certificate: string;
    /** Nothing listens there, or the name does not resolve. */
    address: string;
  };
}
