/** Where http is allowed: an attacker on the network can change everything that comes over http. */
import type { HttpPolicy } from './policy.ts';

/** On this machine's own loopback, and when the digest of the bytes is known from another, trusted source. */
export function isPlainAllowed({ protocol, hostname }: URL, { plainHttp }: Pick<HttpPolicy, 'plainHttp'>): boolean {
  return protocol === 'https:' || plainHttp || isLoopback(hostname);
}

/** As `URL` writes it: in lower case, IPv4 in four decimal parts, IPv6 shortened and in brackets. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
