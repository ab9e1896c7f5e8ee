/**
 * `istioDigests` of ConfigMap smm-agent: which packages of Istio
 * a mirror may offer. A line for each, `#` begins a comment:
 *
 *     1.31.1 amd64 6b0d...: version, architecture, SHA-256 of the package in hex
 */

import { parseIstioVersion } from '../../istio/version.ts';

/** By `digestKey`; SHA-256 in hex, lower case. */
export type PackageDigests = ReadonlyMap<string, string>;

/** A distributor's `1.31.1_ossm` is `1.31.1+ossm` everywhere. */
export function digestKey(istioVersion: string, architecture: string): string {
  return `${parseIstioVersion(istioVersion)?.text ?? istioVersion} ${architecture}`;
}

/** A mesh has a few versions; a longer text is a mistake. */
const MOST_CHARS = 65_536;
const LINE = /^(\d+\.\d+\.\d+[\w.+-]*)\s+(amd64|arm64)\s+([0-9a-f]{64})$/i;

/**
 * The digests, or what is wrong with the text. An empty text is
 * an error too: it could mean "pin nothing" or "allow nothing".
 */
export function parseDigests(text: string): PackageDigests | { problem: string } {
  if (text.length > MOST_CHARS) return { problem: `it is longer than ${MOST_CHARS} characters` };
  const digests = new Map<string, string>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/#.*/, '').trim();
    if (line === '') continue;
    const [, version, architecture, sha256] = LINE.exec(line) ?? [];
    if (version === undefined || architecture === undefined || sha256 === undefined) {
      return { problem: `line ${index + 1} is not "<version> amd64|arm64 <SHA-256>"` };
    }
    const key = digestKey(version, architecture.toLowerCase());
    const digest = sha256.toLowerCase();
    if ((digests.get(key) ?? digest) !== digest) return { problem: `line ${index + 1} has a second digest of ${key}` };
    digests.set(key, digest);
  }
  return digests.size === 0 ? { problem: 'it has no line "<version> amd64|arm64 <SHA-256>"' } : digests;
}

export function digestsText(digests: PackageDigests): string {
  return [...digests].map(([key, sha256]) => `${key} ${sha256}\n`).join('');
}
