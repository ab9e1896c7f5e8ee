/** istiod's line in /etc/hosts: on a VM it resolves the discovery address to the address of the gateway. */

/**
 * Whether /etc/hosts has the line of a release. `other`: it has
 * another address for the host, which wins in the resolver.
 */
export type HostsLine =
  | { answer: 'there' }
  | { answer: 'missing'; line: string }
  | { answer: 'other'; line: string; address: string };

/** The first line for a host wins, as in systemd/bin/istio-hosts, which adds the line: change both. */
export function lookForLine(hosts: string, line: string): HostsLine {
  const [ip, host] = line.trim().split(/\s+/);
  // A release without a line needs none.
  if (ip === undefined || host === undefined) return { answer: 'there' };
  const wanted = `${ip} ${host}`;
  const [address] = istiodLine(hosts, host).split(' ');
  if (address === '' || address === undefined) return { answer: 'missing', line: wanted };
  return address === ip ? { answer: 'there' } : { answer: 'other', line: wanted, address };
}

/** Names of istiod as istioctl writes them, with or without a revision. */
const ISTIOD = /^istiod(-[a-z0-9-]+)?\.[a-z0-9-]+\.svc(\.[a-z0-9.-]+)?$/;

/**
 * The line `<ip> <host>` with a newline for the discovery host, or for the first istiod if the host is not known;
 * empty if the file has none. Other names on the same line are the operator's and are not taken over.
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
