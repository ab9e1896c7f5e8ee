/** What a service account's token says of itself: whose it is, and until when. Not verified: the API server alone decides. Pure. */
import { parseJson } from '../../host/json.ts';

export interface TokenFacts {
  /** The group whose account it is, by the name of the account: smm-agent-<group>. null for an account of another name. */
  group: { namespace: string; name: string } | null;
  /** null for a token without an end. */
  validUntil: Date | null;
  issuedAt: Date | null;
}

const ACCOUNT = /^system:serviceaccount:([^:]+):(?:smm-agent-)(.+)$/;

/** null for what is no JSON Web Token. */
export function tokenFacts(token: string): TokenFacts | null {
  const parts = token.split('.');
  const claims = parts.length === 3 ? decode(parts[1] ?? '') : null;
  if (claims === null) return null;
  const [, namespace, name] = ACCOUNT.exec(typeof claims.sub === 'string' ? claims.sub : '') ?? [];
  return {
    group: namespace === undefined || name === undefined ? null : { namespace, name },
    validUntil: timeOf(claims.exp),
    issuedAt: timeOf(claims.iat),
  };
}

/** A sentence when the token is another group's than the configuration names; null when it is not, or that cannot be told. */
export function otherGroup(facts: TokenFacts | null, group: { namespace: string; name: string }): string | null {
  const own = facts?.group ?? null;
  if (own === null || (own.namespace === group.namespace && own.name === group.name)) return null;
  return `this token is that of group ${own.namespace}/${own.name}, agent.yaml says ${group.namespace}/${group.name}`;
}

const LONGEST_NOTICE_MS = 7 * 24 * 3_600_000;

/** A sentence when the token has expired, or has less than a quarter of its time left, at most a week. The same words until it has. */
export function endOfToken(facts: TokenFacts | null, now: Date): string | null {
  const until = facts?.validUntil ?? null;
  if (until === null) return null;
  if (until <= now) return `the token expired at ${until.toISOString()}`;
  const lifeMs = until.getTime() - (facts?.issuedAt?.getTime() ?? 0);
  const isNear = until.getTime() - now.getTime() < Math.min(lifeMs / 4, LONGEST_NOTICE_MS);
  return isNear ? `the token is valid until ${until.toISOString()} only` : null;
}

/** Seconds since the epoch, as RFC 7519 has them; null for what is no time. */
function timeOf(claim: unknown): Date | null {
  const date = typeof claim === 'number' ? new Date(claim * 1000) : null;
  return date === null || Number.isNaN(date.getTime()) ? null : date;
}

function decode(part: string): Record<string, unknown> | null {
  const value = parseJson(Buffer.from(part, 'base64url').toString('utf8'));
  const isObject = typeof value === 'object' && value !== null && !(value instanceof Error);
  return isObject ? (value as Record<string, unknown>) : null;
}
