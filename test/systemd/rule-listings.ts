/**
 * Rules as they are on machines: rules of Istio, recorded from the real istio-iptables of each version (the first line
 * of each file says how), and rules of others that look like them. After the removal, all rules of others must be left,
 * in their order.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, 'istio-rules');

/** The settings, without the ports, in cluster.env of the machines with TPROXY that were recorded. */
const SETTINGS: Readonly<Record<string, string>> = {
  '1.22-tproxy.save': 'ISTIO_EXCLUDE_INTERFACES=d0,d1\nKUBE_VIRT_INTERFACES=d0\nINVALID_DROP=true\n',
  '1.24-tproxy.save': 'INVALID_DROP=true\n',
};

export const RECORDED = readdirSync(FOLDER).map((name) => ({
  name: name.replace('.save', ''),
  isIpv6: name.includes('ipv6'),
  text: readFileSync(join(FOLDER, name), 'utf8'),
  settings: SETTINGS[name] ?? '',
}));

/** Rules that are not Istio's, by table, in the form in which iptables-save prints them. */
export const OTHERS: Readonly<Record<string, readonly string[]>> = {
  raw: [
    '-A PREROUTING -p udp -m udp --sport 53 -j CT --zone 12',
    '-A PREROUTING -i d1 -p udp -m udp --sport 53 -j CT --zone 1',
    '-A OUTPUT -p udp -m udp --dport 53 -j CT --notrack',
    '-A OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 1000 -j CT --zone 3',
  ],
  mangle: [
    '-A PREROUTING -p tcp -m mark --mark 0x5390 -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff',
    '-A PREROUTING -p tcp -m mark --mark 0x539 -j DROP',
    '-A PREROUTING -m comment --comment "seen before -j ISTIO_INBOUND" -j DROP',
    '-A OUTPUT -o lo -p tcp -m mark --mark 0x53901 -j RETURN',
    '-A OUTPUT -o lo -p tcp -m mark --mark 0x539/0xfff -j RETURN',
    '-A OUTPUT -p tcp -m owner --uid-owner 997 -j MARK --set-xmark 0x53a/0xffffffff',
  ],
  nat: [
    '-A PREROUTING -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053',
    '-A PREROUTING -i d9 -j RETURN',
    '-A OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 1000 -j RETURN',
    '-A OUTPUT -p udp -m udp --dport 53 -m comment --comment "-j ISTIO_OUTPUT" -j RETURN',
    '-A OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 1000 -j REDIRECT --to-ports 15053',
    '-A OUTPUT -p udp -m udp --dport 5353 -j REDIRECT --to-ports 15053',
  ],
  filter: [
    '-A INPUT -s 192.0.2.0/24 -m comment --comment "not for \\"us\\" -j ISTIO_INBOUND" -j DROP',
    '-A INPUT -p tcp -m comment --comment ISTIO_INBOUND -j ACCEPT',
  ],
};

/** A listing in which rules of others come before and after the rules of Istio. */
export function amongOthers(listing: string): string {
  const tables = new Map(Object.keys(OTHERS).map((name) => [name, { chains: [] as string[], rules: [] as string[] }]));
  let table = '';
  for (const line of listing.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    if (line.startsWith(':ISTIO_')) tables.get(table)?.chains.push(line);
    if (line.startsWith('-A')) tables.get(table)?.rules.push(line);
  }
  return [...tables]
    .map(([name, { chains, rules }]) =>
      [`*${name}`, ...chains, ...(OTHERS[name] ?? []), ...rules, ...(OTHERS[name] ?? []), 'COMMIT', ''].join('\n'),
    )
    .join('');
}

/** The rules and Istio's chains of a listing, by table. */
export function rulesOf(listing: string): Record<string, string[]> {
  const rules: Record<string, string[]> = {};
  let table = '';
  for (const line of listing.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    if (!line.startsWith('-A') && !line.startsWith(':ISTIO_')) continue;
    rules[table] = [...(rules[table] ?? []), line];
  }
  return rules;
}

/** What must be left of `amongOthers`: the rules of each chain together, as iptables-save prints them. */
export function othersTwice(): Record<string, string[]> {
  const inChain = (rules: readonly string[], chain: string) => rules.filter((rule) => rule.startsWith(`-A ${chain} `));
  return Object.fromEntries(
    Object.entries(OTHERS).map(([table, rules]) => [
      table,
      ['PREROUTING', 'INPUT', 'OUTPUT'].flatMap((chain) => [...inChain(rules, chain), ...inChain(rules, chain)]),
    ]),
  );
}
