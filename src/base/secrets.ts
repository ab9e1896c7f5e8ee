/**
 * Hides secrets that are known by their form, in every error and log line. Values that are secret by their place are
 * never quoted at all (src/istio/configuration/shown.ts, src/config/words.ts).
 */

const SECRETS: readonly [RegExp, string][] = [
  // An error of an HTTP client may quote the header; "Bearer token" in a sentence is shorter than any token.
  [/\bBearer\s+[\w.~+/=-]{8,}/g, 'Bearer (hidden)'],
  // A JSON Web Token: header and payload begin with {" in base64url.
  [/\beyJ[\w-]{5,}\.[\w-]+(\.[\w-]*)?/g, '(hidden token)'],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'\\]+@/gi, '$1(hidden)@'],
  // Also a key that was cut off; within JSON, a key ends where its string ends.
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(-----END [A-Z ]*PRIVATE KEY-----|(?=")|$)/g, '(hidden private key)'],
];

/** The text without tokens, private keys, and users and passwords in URLs. */
export function hideSecrets(text: string): string {
  return SECRETS.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text);
}
