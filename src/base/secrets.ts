/** The one place where secrets are taken out of what the agent says. */

const SECRETS: readonly [RegExp, string][] = [
  // An error of an HTTP client may carry the header; "Bearer token" in a sentence is shorter than any token.
  [/\bBearer\s+[\w.~+/=-]{8,}/g, 'Bearer (hidden)'],
  // A JSON Web Token: header and payload begin with {" in base64url.
  [/\beyJ[\w-]{5,}\.[\w-]+(\.[\w-]*)?/g, '(hidden token)'],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'\\]+@/gi, '$1(hidden)@'],
  // Also one that was cut off; in JSON it ends with its string.
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(-----END [A-Z ]*PRIVATE KEY-----|(?=")|$)/g, '(hidden private key)'],
];

/** The text without tokens, private keys, and users and passwords in URLs. */
export function hideSecrets(text: string): string {
  return SECRETS.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text);
}
