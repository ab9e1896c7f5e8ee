/**
 * Each way in which Istio can end and start again, with another release staged, on a real systemd with the real Istio
 * and without an agent on the machine.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { amongOthers, othersTwice, RECORDED, rulesOf } from '../../systemd/rule-listings.ts';
import { openLab } from '../lab/lab.ts';
import type { Machine } from '../lab/machine/machine.ts';
import { until } from '../lab/until.ts';
import {
  A,
  B,
  COUNT_CHAINS,
  chains,
  ISTIO,
  link,
  linked,
  machineByHand,
  pending,
  STATE,
  staysStopped,
  stopRecord,
  unitState,
  untilRuns,
} from './by-hand.ts';

let machine: Machine;
before(async () => {
  machine = await machineByHand(openLab(), { group: 'activation', namespace: 'activation', revision: 'default' });
});
after(() => machine.stop());

const killEnvoy = () => machine.sh('pkill -SEGV -x envoy');
const inAutoRestart = () =>
  until(
    'the unit to wait for its restart',
    () => machine.sh('systemctl show -P SubState istio'),
    30_000,
    (state) => state === 'auto-restart\n',
  );

describe('Istio with another release staged', () => {
  beforeEach(() => pending(machine));

  it('comes up as the staged release after systemctl stop, with the old rules gone', async () => {
    assert.ok((await chains(machine)) > 0);
    // In one go, before the start that is scheduled.
    const [left, active] = (await machine.sh(`systemctl stop istio; ${COUNT_CHAINS}; readlink ${ISTIO}/active`)).split(
      '\n',
    );
    assert.equal(left, '0', 'the old release has removed its own rules');
    assert.equal(active, `releases/${A}`);
    assert.deepEqual([(await stopRecord(machine))?.job, (await stopRecord(machine))?.start], ['stop', 'scheduled']);
    await untilRuns(machine, B, 30_000);
    assert.equal(await linked(machine, 'active'), B);
    assert.match(await machine.sh('curl -s http://127.0.0.1:15000/server_info'), /\/1\.40\.0\//);
  });

  it('comes up as the staged release after systemctl restart', async () => {
    await machine.sh('systemctl restart istio');
    assert.equal((await stopRecord(machine))?.job, 'restart');
    await untilRuns(machine, B, 30_000);
  });

  it('stays stopped after disable --now', async () => {
    await machine.sh('systemctl disable -q --now istio');
    assert.deepEqual(
      [(await stopRecord(machine))?.job, (await stopRecord(machine))?.start],
      ['stop', 'no: istio.service became disabled since its last start'],
    );
    assert.ok(await staysStopped(machine));
  });

  it('comes up after a stop when its unit never was enabled', async () => {
    await machine.sh('systemctl disable -q istio && systemctl restart istio');
    await untilRuns(machine, B);
    await link(machine, 'staged', A);
    await machine.sh('systemctl stop istio');
    await untilRuns(machine, A, 30_000);
  });

  it('stays stopped when it is masked, and comes up as the staged release when it is started later', async () => {
    await machine.sh('systemctl mask -q --now istio');
    assert.ok(await staysStopped(machine));
    await machine.sh('systemctl unmask -q istio && systemctl start istio');
    await untilRuns(machine, B);
  });

  it('comes up as the staged release after a crash of Envoy', async () => {
    await killEnvoy();
    await inAutoRestart();
    assert.deepEqual([(await stopRecord(machine))?.job, (await stopRecord(machine))?.kind], ['none', 'own-end']);
    await untilRuns(machine, B, 40_000);
  });

  it('stays stopped after a stop out of auto-restart: no hook runs there, and no agent is alive', async () => {
    await killEnvoy();
    await inAutoRestart();
    await machine.sh('systemctl stop istio');
    assert.equal((await stopRecord(machine))?.kind, 'own-end');
    assert.ok(await staysStopped(machine));
    await machine.sh('systemctl start istio');
    await untilRuns(machine, B);
  });

  it('comes up as the staged release after a stop that ran into TimeoutStopSec', async () => {
    await machine.sh('pkill -STOP -x pilot-agent && pkill -STOP -x envoy');
    await machine.exec(['systemctl', 'stop', 'istio'], { timeoutMs: 90_000 });
    assert.deepEqual([(await stopRecord(machine))?.job, (await stopRecord(machine))?.result], ['stop', 'timeout']);
    await untilRuns(machine, B, 30_000);
    assert.ok((await chains(machine)) > 0);
  });

  it('comes up as the staged release after a reboot', async () => {
    await machine.reboot();
    await untilRuns(machine, B);
    assert.equal(await machine.sh(`ls ${STATE}/ends 2>/dev/null || :`), '');
  });

  it('is stopped in rescue mode and stays so', async () => {
    await machine.sh('systemctl isolate --no-block rescue.target');
    await until(
      'Istio to be stopped',
      () => unitState(machine),
      30_000,
      (state) => state === 'inactive',
    );
    assert.deepEqual([(await stopRecord(machine))?.job, (await stopRecord(machine))?.kind], ['stop', 'rescue']);
    assert.ok(await staysStopped(machine));
    await machine.sh('systemctl isolate --no-block default.target');
    await untilRuns(machine, B);
  });

  it('starts only once when an operator starts it within the two seconds', async () => {
    await machine.sh('systemctl stop istio && systemctl start istio');
    await untilRuns(machine, B);
    const first = await machine.sh('systemctl show -P InvocationID istio');
    await machine.sh('sleep 4');
    assert.equal(await machine.sh('systemctl show -P InvocationID istio'), first);
  });

  it('stays stopped under hold, with startWhenStopped never, and when nothing is pending', async () => {
    const prepare = [
      `touch ${STATE}/hold`,
      `echo never > ${STATE}/start-when-stopped`,
      `ln -sfn releases/${A} /opt/smm-agent/istio/staged`,
    ];
    for (const command of prepare) {
      await machine.sh(`rm -f ${STATE}/hold ${STATE}/start-when-stopped; ${command}; systemctl stop istio`);
      assert.ok(await staysStopped(machine, 4), command);
      await link(machine, 'staged', A);
      await machine.sh('systemctl start istio');
      await untilRuns(machine, A);
      await link(machine, 'staged', B);
    }
  });

  it('does not upgrade at the reboot of a held machine', async () => {
    await machine.sh(`touch ${STATE}/hold`);
    await machine.reboot();
    await untilRuns(machine, A);
  });
});

describe('rules that an Istio left behind', () => {
  it('are removed before the next release starts, and rules of others are kept', async () => {
    await pending(machine);
    const backend = (
      await machine.sh("iptables-nft-save 2>/dev/null | grep -q '^:ISTIO_' && echo nft || echo legacy")
    ).trim();
    const saved = await machine.sh(`iptables-${backend}-save`);
    await machine.sh(
      `iptables-${backend} -t nat -N KEEP_ME && iptables-${backend} -t nat -A OUTPUT -d 192.0.2.1 -j KEEP_ME`,
    );
    // systemd runs the command that removes the rules, but another version would have left them: so restore them here.
    await machine.sh('systemctl mask -q --runtime istio; systemctl stop istio');
    await machine.exec([`iptables-${backend}-restore`, '--noflush'], { input: saved });
    await machine.sh(`iptables-${backend} -t mangle -N ISTIO_OLD && iptables-${backend} -t mangle -A PREROUTING -j ISTIO_OLD
      ip rule add fwmark 1337 lookup 133 && ip route add local default dev lo table 133
      systemctl unmask -q --runtime istio; systemctl start istio`);
    await untilRuns(machine, B);
    const rules = await machine.sh(`iptables-${backend}-save`);
    assert.doesNotMatch(rules, /ISTIO_OLD/);
    assert.match(rules, /-A OUTPUT -d 192\.0\.2\.1\/32 -j KEEP_ME/);
    const jumps = rules.split('\n').filter((line) => /^-A OUTPUT .*-j ISTIO_OUTPUT$/.test(line));
    assert.equal(new Set(jumps).size, jumps.length, 'each jump is there once');
    assert.doesNotMatch(await machine.sh('ip rule show'), /fwmark 0x539/);
  });

  it('are looked for without making the tables of the other kind', async () => {
    await pending(machine);
    const before = await machine.sh('cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null || :');
    await machine.sh(`/opt/smm-agent/bin/istio-chains ${A}`);
    assert.equal(await machine.sh('cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null || :'), before);
  });

  it('of every version from 1.20 on go, and rules of others stay, in the kernel of this machine', async () => {
    for (const kind of ['nft', 'legacy']) {
      for (const { name, isIpv6, text, settings } of RECORDED) {
        const tables = `ip${isIpv6 ? '6' : ''}tables-${kind}`;
        const of6 = (listing: string) => (isIpv6 ? listing.replaceAll('192.0.2.0/24', '2001:db8::/32') : listing);
        const release = `${ISTIO}/releases/0-of-the-rules`;
        await machine.sh(`mkdir -p ${release}`);
        await machine.writeFile(`${release}/cluster.env`, settings);
        // In a network of its own, since the listings are of other machines.
        const script = `${tables}-restore --noflush && /opt/smm-agent/bin/istio-chains 0-of-the-rules && ${tables}-save`;
        const left = await machine.exec(['unshare', '--net', 'sh', '-c', script], { input: of6(amongOthers(text)) });
        const others = Object.entries(othersTwice()).map(([table, rules]) => [table, rules.map(of6)]);
        assert.deepEqual(rulesOf(left.stdout), Object.fromEntries(others), `${name} (${kind}): ${left.stderr}`);
      }
    }
  });
});
