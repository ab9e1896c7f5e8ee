/** istiod's line in /etc/hosts: on a VM it is what turns the discovery address into the gateway's. */

/** Names of istiod as istioctl writes them, with or without a revision. */
const ISTIOD = /^istiod(-[a-z0-9-]+)?\.[a-z0-9-]+\.svc(\.[a-z0-9.-]+)?$/;

/**
 * The line `<ip> <host>` with a newline for the discovery host, or for the first istiod where the host is not known;
 * empty where the file has none. Other names on the same line are the operator's and are not taken over.
 */
export function istiodLine(hosts: string, discoveryHost: string | null): string {
  for (const line of hosts.split('\n')) {
    const [ip, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const name = names.find((candidate) =>
      discoveryHost === null ? ISTIOD.test(candidate) : candidate === discoveryHost,
    );
    if (ip !== undefined && name !== undefined) return `${ip} ${name}\n`;
  }
  return '';
}
