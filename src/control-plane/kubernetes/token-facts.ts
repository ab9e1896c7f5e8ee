/**
 * The claims of a service account's token: whose it is, and
 * until when. Not verified: only the API server decides. Pure.
 */
import { parseJson } from '../../host/json.ts';

export interface TokenFacts {
  /** The group that the account is for, by its name: smm-agent-<group>. null for an account with another name. */
  group: { namespace: string; name: string } | null;
  /** null for a token without an end. */
  validUntil: Date | null;
  issuedAt: Date | null;
}

const ACCOUNT = /^system:serviceaccount:([^:]+):(?:smm-agent-)(.+)$/;

/** null for a text that is not a JSON Web Token. */
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

/**
 * A sentence when the token is for another group than the configured one; null when it is not, or when that is unknown.
 */
export function otherGroup(facts: TokenFacts | null, group: { namespace: string; name: string }): string | null {
  const own = facts?.group ?? null;
  if (own === null || (own.namespace === group.namespace && own.name === group.name)) return null;
  return `this token is for group ${own.namespace}/${own.name}, but agent.yaml names ${group.namespace}/${group.name}`;
}

const LONGEST_NOTICE_MS = 7 * 24 * 3_600_000;

/**
 * A sentence when the token has expired, or has less than a quarter of its
 * time left, at most a week. The words stay the same until it expires.
 */
export function endOfToken(facts: TokenFacts | null, now: Date): string | null {
  const until = facts?.validUntil ?? null;
  if (until === null) return null;
  if (until <= now) return `the token expired at ${until.toISOString()}`;
  const lifeMs = until.getTime() - (facts?.issuedAt?.getTime() ?? 0);
  const isNear = until.getTime() - now.getTime() < Math.min(lifeMs / 4, LONGEST_NOTICE_MS);
  return isNear ? `the token is valid until ${until.toISOString()} only` : null;
}

/** Seconds since the epoch, as in RFC 7519; null for a claim that is not a time. */
function timeOf(claim: unknown): Date | null {
  const date = typeof claim === 'number' ? new Date(claim * 1000) : null;
  return date === null || Number.isNaN(date.getTime()) ? null : date;
}

function decode(part: string): Record<string, unknown> | null {
  const value = parseJson(Buffer.from(part, 'base64url').toString('utf8'));
  const isObject = typeof value === 'object' && value !== null && !(value instanceof Error);
  return isObject ? (value as Record<string, unknown>) : null;
}
