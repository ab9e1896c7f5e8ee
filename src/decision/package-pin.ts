/** Which package of Istio the control plane accepts from a mirror. Pure. */

import { AgentError, isAgentError } from '../base/errors.ts';
import type { AgentPolicy } from '../control-plane/target/agent-policy.ts';
import { digestKey, type PackageDigests } from '../control-plane/target/package-digests.ts';

/**
 * The SHA-256 that the package must have; null if the control plane pins no packages. Throws SMM466 if the control
 * plane pins packages but not this one, and also if that is unknown: otherwise a mirror with a bad package would only
 * have to wait until the API server does not answer.
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
        throw refused(what, policy.reason, 'correct istioDigests there, or announce it again');
      }
      return pinned(policy.istioDigests, what, 'ConfigMap smm-agent');
    case 'unknown':
      // A pin cannot be meant for a machine that has no right to read the ConfigMap.
      if (policy.isForbidden) return null;
      throw refused(
        what,
        `cannot tell whether istioDigests pins it: ${policy.reason}`,
        'the agent asks again at the next poll',
      );
  }
}

/** What protects the packages, for the status; null if the control plane gave no answer. */
export function vouchedBy(policy: AgentPolicy, source: 'official' | 'repository'): string | null {
  if (source === 'repository') return 'signed, from the signed repository';
  if (policy.answer === 'wishes' && policy.istioDigests) return `pinned by istioDigests (${policy.source})`;
  if (policy.answer === 'invalid' && policy.istioDigests) return `pinned by istioDigests; ${policy.reason}`;
  if (policy.answer === 'unknown' && !policy.isForbidden) return null;
  return 'only TLS protects them: no istioDigests in ConfigMap smm-agent';
}

function pinned(digests: PackageDigests | undefined, what: string, source: string): string | null {
  if (digests === undefined) return null;
  const digest = digests.get(what);
  if (digest !== undefined) return digest;
  throw refused(what, `istioDigests (${source}) does not list this package`, 'add the package there');
}

/** Whether this is the error of `packagePin`. */
export function isNotPinned(error: unknown): error is AgentError {
  return isAgentError(error, 'SMM466');
}

function refused(what: string, why: string, remedy: string): AgentError {
  return new AgentError('SMM466', `cannot take Istio ${what} from a mirror: ${why}; ${remedy}`, remedy);
}
