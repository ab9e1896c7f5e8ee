/** Which package of Istio the control plane lets a mirror hand out. Pure. */

import { AgentError } from '../base/errors.ts';
import type { AgentPolicy } from '../control-plane/target/agent-policy.ts';
import { digestKey, type PackageDigests } from '../control-plane/target/package-digests.ts';

/**
 * The SHA-256 that the package must have; null where the control plane pins none. Throws SMM466 where it pins packages and not this one, or
 * where that is not known now: else a mirror would only have to wait for a moment at which the API server does not answer.
 */
export function packagePin(policy: AgentPolicy, istioVersion: string, architecture: string): string | null {
  const what = digestKey(istioVersion, architecture);
  switch (policy.answer) {
    case 'absent':
      return null;
    case 'wishes':
      return pinned(policy.istioDigests, what, policy.source);
    case 'invalid':
      if (policy.istioDigests === 'unusable') {
        throw refused(what, policy.reason, 'correct it there, or announce it again');
      }
      return pinned(policy.istioDigests, what, 'ConfigMap smm-agent');
    case 'unknown':
      // Nobody can pin anything for a machine that may not read it.
      if (policy.isForbidden) return null;
      throw refused(
        what,
        `whether istioDigests pins it is not known: ${policy.reason}`,
        'it is asked again at the next poll',
      );
  }
}

/** Who vouches for the packages, for the status; null when the control plane did not say. */
export function vouchedBy(policy: AgentPolicy, source: 'official' | 'repository'): string | null {
  if (source === 'repository') return 'signed, from the signed repository';
  if (policy.answer === 'wishes' && policy.istioDigests) return `pinned by istioDigests (${policy.source})`;
  if (policy.answer === 'invalid' && policy.istioDigests) return `pinned by istioDigests; ${policy.reason}`;
  if (policy.answer === 'unknown' && !policy.isForbidden) return null;
  return 'only TLS vouches for them: no istioDigests in ConfigMap smm-agent';
}

function pinned(digests: PackageDigests | undefined, what: string, source: string): string | null {
  if (digests === undefined) return null;
  const digest = digests.get(what);
  if (digest !== undefined) return digest;
  throw refused(what, `istioDigests (${source}) has other packages, and not this one`, 'add it there');
}

function refused(what: string, why: string, remedy: string): AgentError {
  return new AgentError('SMM466', `cannot take Istio ${what} from a mirror: ${why}; ${remedy}`, remedy);
}
