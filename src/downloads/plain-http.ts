/** Where http will do: what comes over it is what anybody on the way likes it to be. */
import type { HttpPolicy } from './policy.ts';

/** On this machine's own loopback, and where somebody else vouches for the bytes. */
export function isPlainAllowed({ protocol, hostname }: URL, { plainHttp }: Pick<HttpPolicy, 'plainHttp'>): boolean {
  return protocol === 'https:' || plainHttp || isLoopback(hostname);
}

/** As `URL` writes it: in lower case, IPv4 in four decimal parts, IPv6 shortened and in brackets. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
