/**
 * The scripts of istio.service, ended by SIGKILL at each of their named points on a real systemd with the real Istio:
 * Istio starts all the same, from a whole release, and the next restart puts right what is left. No agent is on the
 * machine.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PUT_BACK_POINTS, STOP_POINTS, SWITCH_POINTS, WITHDRAWAL_POINTS } from '../../systemd/kill-points.ts';
import { openLab } from '../lab/lab.ts';
import type { Machine } from '../lab/machine/machine.ts';
import { DYING_ENVOY, makeIstioDeb } from '../lab/parts/istio-package.ts';
import { until } from '../lab/until.ts';
import {
  A,
  B,
  chains,
  ISTIO,
  link,
  linked,
  machineByHand,
  running,
  STATE,
  untilRuns,
  writeRelease,
} from './by-hand.ts';

const BAD = '1.31.1-dddddddddddd';
const KILL = '/run/smm-test-kill';
const PATIENCE_MS = 60_000;
const membership = { group: 'script-kills', namespace: 'script-kills', revision: 'default' } as const;

let machine: Machine;
let hosts = '';
let chainsOfOne = 0;

before(async () => {
  machine = await machineByHand(openLab(), membership);
  const dying = await makeIstioDeb({ version: '1.31.1', envoy: '1.39.3', mutation: DYING_ENVOY });
  await writeRelease(machine, BAD, dying, membership);
  const settings = `[Service]\nRestartSec=1\nEnvironmentFile=-${KILL}\n`;
  await machine.writeFile('/etc/systemd/system/istio.service.d/test.conf', settings);
  // Each switch has another root certificate to put in place: the same for Envoy, not for cmp.
  await machine.sh(`touch ${STATE}/confirmed/${B}; systemctl daemon-reload; systemctl enable -q istio
    for id in ${A} ${B}; do { cat /etc/certs/root-cert.pem; [ $id = ${A} ] || echo; } > ${ISTIO}/releases/$id/root-cert.pem; done`);
  await link(machine, 'staged', A);
  await machine.sh('systemctl restart istio');
  await untilRuns(machine, A);
  hosts = await machine.readFile('/etc/hosts');
  chainsOfOne = await chains(machine);
});
after(() => machine?.stop());

const other = (id: string) => (id === A ? B : A);
/** The operator's line and ours say the same. */
const readHosts = async () => (await machine.readFile('/etc/hosts')).replaceAll(' # smm-agent', '');
const rejection = () => machine.sh(`cat ${STATE}/rejected/${BAD} 2>/dev/null || :`);
const jumps = async () =>
  (await machine.sh('iptables-save -t nat; ip6tables-save -t nat'))
    .split('\n')
    .filter((line) => /^-A (OUTPUT|PREROUTING) .*-j ISTIO_/.test(line));

/**
 * Runs the command with the point named, and returns when a script was killed there; from then on nothing is killed any
 * more.
 */
async function killedAt(point: string, command: string): Promise<void> {
  const cursor = (await machine.sh('journalctl --show-cursor -n 0 -o cat -u istio')).trim().replace('-- cursor: ', '');
  await machine.writeFile(KILL, `SMM_TEST_KILL_AT=${point}\n`);
  await machine.sh(command);
  // On the machine itself: the next start, which is not to be killed, comes a second later.
  const journal = `journalctl --no-pager -o cat -u istio --after-cursor='${cursor}'`;
  const waits = `until ${journal} | grep -q 'killed at ${point}'; do sleep 0.1; done; rm ${KILL}`;
  await machine.sh(waits, { timeoutMs: PATIENCE_MS });
}

/** After any kill: Istio runs, all of it from the active release, with its rules in place once. */
async function assertWhole(): Promise<void> {
  const active = await linked(machine, 'active');
  await until(
    'Istio to run from the active release',
    () => running(machine),
    PATIENCE_MS,
    (releases) => releases.join() === active,
  );
  const [before, ...more] = (await readHosts()).split('\n');
  assert.equal(before, hosts.split('\n')[0]);
  assert.equal(new Set(more.filter(Boolean)).size, more.filter(Boolean).length, 'no line of /etc/hosts is there twice');
}

/** After a restart without a kill: nothing is left of the killed restart before. */
async function assertRight(id: string): Promise<void> {
  await untilRuns(machine, id);
  assert.deepEqual([await linked(machine, 'active'), await linked(machine, 'staged')], [id, id]);
  assert.equal(await machine.sh(`ls -A ${ISTIO}`), 'active\nreleases\nstaged\n');
  assert.equal(await machine.sh(`find ${STATE} /etc/certs -name '*.new'; ls -A /etc | grep smm-agent || :`), '');
  const [now, then] = [await readHosts(), hosts].map((text) => text.split('\n').filter(Boolean).toSorted());
  assert.deepEqual(now, then);
  assert.equal(await chains(machine), chainsOfOne);
  const rules = await jumps();
  assert.equal(new Set(rules).size, rules.length, rules.join('\n'));
}

describe('a restart into the staged release, whose scripts are killed', () => {
  for (const point of SWITCH_POINTS) {
    it(`at ${point}, starts a whole release, and the next restart is right`, async () => {
      const to = other(await linked(machine, 'active'));
      await link(machine, 'staged', to);
      if (point.startsWith('hosts-')) await machine.sh("sed -i '/istiod/d' /etc/hosts");
      await killedAt(point, 'systemctl restart istio');
      await assertWhole();
      await machine.sh('systemctl restart istio');
      await assertRight(to);
    });
  }

  for (const point of ['switch-noted', 'link-temporary-made', 'switch-done'] as const) {
    it(`at ${point}, and then the whole machine, comes up as the staged release`, async () => {
      const to = other(await linked(machine, 'active'));
      await link(machine, 'staged', to);
      await killedAt(point, 'systemctl restart istio');
      await machine.powerCut();
      await assertRight(to);
    });
  }
});

describe('a stop by hand while a release is pending, whose hook is killed', () => {
  for (const point of STOP_POINTS) {
    it(`at ${point}, still becomes a restart`, async () => {
      const to = other(await linked(machine, 'active'));
      await link(machine, 'staged', to);
      await killedAt(point, 'systemctl stop istio');
      await assertRight(to);
    });
  }
});

describe('the rollback of a bad release, which is killed', () => {
  for (const point of PUT_BACK_POINTS) {
    it(`at ${point}, is completed by the next start`, async () => {
      const good = await linked(machine, 'active');
      await link(machine, 'staged', BAD);
      await killedAt(point, 'systemctl restart istio');
      await assertRight(good);
      assert.match(await rejection(), /^reason=it ended [34] times .*\ncount=1\nat=\d+\n/);
      assert.equal(await machine.sh(`ls ${STATE}/ends`), '');
      await machine.sh('systemctl restart istio');
      await assertRight(good);
      await machine.sh(`rm ${STATE}/rejected/${BAD}`);
    });
  }

  for (const point of WITHDRAWAL_POINTS) {
    it(`at ${point}, has the rejection withdrawn when the other release ends in the same way`, async () => {
      const good = await linked(machine, 'active');
      await link(machine, 'staged', BAD);
      await machine.sh('systemctl restart istio');
      await until('the rejection', rejection, PATIENCE_MS);
      await assertRight(good);
      await killedAt(point, 'pkill -SEGV -x envoy');
      await assertRight(good);
      assert.equal(await rejection(), '');
    });
  }
});
