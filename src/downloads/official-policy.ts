/** How the server of Istio's own packages, or a mirror of it, is spoken to. */
import type { ProxyServer } from '../host/tls-agent.ts';
import type { HttpPolicy } from './policy.ts';
import { trustingAgent } from './server-trust.ts';

const REMEDIES = {
  notFound: 'check istio.downloads and the version',
  redirect: 'set istio.downloads to where the files really are',
  wrongDigest: 'the file or its .sha256 is damaged or was exchanged: compare both with the official ones',
  tooLarge: 'check what the server publishes there: no Istio package is that large',
  certificate:
    'add the authority of this server to the trust store of this machine (update-ca-certificates), or name its PEM file in istio.caFile; check the name in istio.downloads and the clock (timedatectl). Then: smm-agent retry',
  address: 'check istio.downloads, and that the server runs',
};

const WRONG_PIN =
  'the server hands out another package than istioDigests in ConfigMap smm-agent says: find out which of the two is wrong; then smm-agent retry';

/**
 * Redirects lead anywhere: a mirror's, and the official ones as well. Rejects with SMM462 when the file of the authorities cannot be used.
 */
export async function officialPolicy(trust: {
  caFile: string | null;
  root: string;
  proxy: ProxyServer | null;
}): Promise<HttpPolicy> {
  const agent = await trustingAgent({ ...trust, caKey: 'istio.caFile' });
  return { redirects: 'anywhere', agent, plainHttp: false, remedies: REMEDIES };
}

/** For a package whose digest comes from the control plane: nobody on the way can do more than keep it back, and http will do. */
export function pinnedPolicy(policy: HttpPolicy): HttpPolicy {
  return { ...policy, plainHttp: true, remedies: { ...policy.remedies, wrongDigest: WRONG_PIN } };
}
