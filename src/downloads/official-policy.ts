/** How the agent talks to the server of Istio's own packages, or to a mirror. */
import type { ProxyServer } from '../host/tls-agent.ts';
import type { HttpPolicy } from './policy.ts';
import { trustingAgent } from './server-trust.ts';

const REMEDIES = {
  notFound: 'check istio.downloads and the version',
  redirect: 'set istio.downloads to the place where the files are',
  wrongDigest: 'the file or its .sha256 is damaged or was replaced: compare both with the official ones',
  tooLarge: 'check what the server publishes there: no Istio package is that large',
  certificate:
    'add the authority of this server to the trust store of this machine (update-ca-certificates), or name its PEM file in istio.caFile; check the name in istio.downloads and the clock (timedatectl). Then: smm-agent retry',
  address: 'check istio.downloads, and that the server runs',
};

const WRONG_PIN =
  'the server offers another package than istioDigests in ConfigMap smm-agent names: find out which of the two is wrong; then smm-agent retry';

/**
 * Redirects may lead to any host: those of a mirror and those of the official
 * server do. Rejects with SMM462 when the file of the authorities cannot be used.
 */
export async function officialPolicy(trust: {
  caFile: string | null;
  root: string;
  proxy: ProxyServer | null;
}): Promise<HttpPolicy> {
  const agent = await trustingAgent({ ...trust, caKey: 'istio.caFile' });
  return { redirects: 'anywhere', agent, plainHttp: false, remedies: REMEDIES };
}

/**
 * For a package whose digest comes from the control plane: an
 * attacker on the network can only hold it back, so http is allowed.
 */
export function pinnedPolicy(policy: HttpPolicy): HttpPolicy {
  return { ...policy, plainHttp: true, remedies: { ...policy.remedies, wrongDigest: WRONG_PIN } };
}
