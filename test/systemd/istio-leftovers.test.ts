/**
 * Which rules istio-chains removes: the rules that a version of Istio makes, recognised by their words, and no others.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { iptablesMachine, restored } from './iptables-machine.ts';
import { amongOthers, OTHERS, othersTwice, RECORDED, rulesOf } from './rule-listings.ts';
import { A } from './script-machine.ts';

/** The rules of a listing that istio-chains leaves. */
function leftOf(listing: string, settings = ''): Record<string, string[]> {
  using made = iptablesMachine().answer('ip-nft', listing);
  made.file(`opt/smm-agent/istio/releases/${A}/cluster.env`, settings);
  assert.equal(made.run('istio-chains', [A]).status, 0);
  const left = rulesOf(listing);
  let table = '';
  for (const line of (restored(made, 'ip-nft') ?? '').split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    const rules = left[table] ?? [];
    const [word, chain = ''] = line.split(' ');
    if (word === '-D') {
      const place = rules.indexOf(line.replace('-D', '-A'));
      assert.notEqual(place, -1, `there is no such rule: ${line}`);
      rules.splice(place, 1);
    } else if (word === '-F') left[table] = rules.filter((rule) => !rule.startsWith(`-A ${chain} `));
    else if (word === '-X') left[table] = rules.filter((rule) => !rule.startsWith(`:${chain} `));
  }
  return Object.fromEntries(
    Object.entries(left).map(([name, rules]) => [
      name,
      ['PREROUTING', 'INPUT', 'OUTPUT'].flatMap((chain) => rules.filter((rule) => rule.startsWith(`-A ${chain} `))),
    ]),
  );
}

const table = (name: string, ...rules: string[]) => [`*${name}`, ...rules, 'COMMIT', ''].join('\n');
const DNS = '-p udp -m udp --dport 53';

describe("istio-chains, for Istio's rules outside of its own chains", () => {
  for (const { name, text, settings } of RECORDED) {
    it(`removes all rules of Istio, and keeps the rules of others: ${name}`, () => {
      assert.deepEqual(leftOf(amongOthers(text), settings), othersTwice());
    });
  }

  for (const { name, text, settings } of RECORDED.filter(({ name }) => /^1\.22-(dns|ipv6|tproxy)/.test(name))) {
    it(`removes all rules of Istio even if its chains are gone: ${name}`, () => {
      const lines = amongOthers(text).split('\n');
      const without = lines.filter((line) => !/^(:ISTIO_|-A ISTIO_|-A .* -j ISTIO_[A-Z_]+$)/.test(line)).join('\n');
      const { raw, nat } = leftOf(without, settings);
      assert.deepEqual(raw, othersTwice().raw);
      // Rules that an administrator can have too stay, because nothing shows any more that they are Istio's.
      const ofSettings = /^-A (PREROUTING -i|OUTPUT -o) d[01] -j RETURN$/;
      assert.deepEqual(
        nat?.filter((rule) => !ofSettings.test(rule)),
        othersTwice().nat,
      );
    });
  }

  it('keeps rules that an administrator can have too when there is no other rule of Istio', () => {
    const rules = [`-A OUTPUT ${DNS} -m owner --uid-owner 53 -j RETURN`, '-A PREROUTING -i eth1 -j RETURN'];
    const zones = [`-A OUTPUT ${DNS} -j CT --zone 2`, '-A PREROUTING -p udp -m udp --sport 53 -j CT --zone 1'];
    const invalid = '-A PREROUTING -m conntrack --ctstate INVALID -j DROP';
    const listing = table('nat', ...rules) + table('raw', ...zones) + table('mangle', invalid);
    assert.deepEqual(leftOf(listing, 'ISTIO_EXCLUDE_INTERFACES=eth1\nINVALID_DROP=true\n'), {
      nat: rules.toReversed(),
      raw: zones.toReversed(),
      mangle: [invalid],
    });
  });

  it('removes a rule that a setting asks for only once, and not at all without the setting', () => {
    const own = ['-A PREROUTING -i eth1 -j RETURN', '-A PREROUTING -p tcp -j ISTIO_INBOUND'];
    const listing = table('nat', ':ISTIO_INBOUND - [0:0]', ...own, '-A PREROUTING -i eth1 -j RETURN');
    assert.deepEqual(leftOf(listing, 'ISTIO_EXCLUDE_INTERFACES=eth1\n'), { nat: own.slice(0, 1) });
    assert.deepEqual(leftOf(listing), { nat: [own[0], own[0]] });
  });

  it("keeps a RETURN of another user right before Istio's RETURN", () => {
    const [foreign, own] = [1000, 997].map((uid) => `-A OUTPUT ${DNS} -m owner --uid-owner ${uid} -j RETURN`);
    const rules = [`${foreign}`, `${own}`, `-A OUTPUT ${DNS} -j REDIRECT --to-ports 15053`];
    const zone = '-A OUTPUT -p udp -m udp --sport 15053 -m owner --uid-owner 997 -j CT --zone 2';
    assert.deepEqual(leftOf(table('nat', ...rules) + table('raw', zone)), { nat: [foreign], raw: [] });
  });

  it('keeps rules that only mention a chain of Istio in a comment or a string', () => {
    const rules = [
      '-A INPUT -m comment --comment "-j ISTIO_INBOUND" -j DROP',
      '-A INPUT -m comment --comment "a \\" -j ISTIO_INBOUND" -j DROP',
      '-A INPUT -m comment --comment -j -j DROP',
      '-A INPUT -m string --string "-j ISTIO_INBOUND" --algo bm -j DROP',
      '-A INPUT -p tcp -j LOG --log-prefix "-j ISTIO_INBOUND"',
    ];
    const listing = table('filter', ...rules, '-A INPUT -m comment --comment "x -j ACCEPT" -g ISTIO_INBOUND');
    assert.deepEqual(leftOf(listing), { filter: rules });
  });

  it('keeps rules with another mark than the one of this release', () => {
    const rules = (OTHERS.mangle ?? []).filter((rule) => !rule.includes('0x53a'));
    assert.deepEqual(leftOf(table('mangle', ...rules), 'ISTIO_INBOUND_TPROXY_MARK=83\n'), { mangle: rules });
  });
});
