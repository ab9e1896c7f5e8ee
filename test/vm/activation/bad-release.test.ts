/** A bad release that was never confirmed is rolled back, and no other. On a real systemd, without an agent. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { openLab } from '../lab/lab.ts';
import type { Machine } from '../lab/machine/machine.ts';
import { DYING_ENVOY, makeIstioDeb } from '../lab/parts/istio-package.ts';
import { until } from '../lab/until.ts';
import { A, B, link, linked, machineByHand, pending, running, STATE, untilRuns, writeRelease } from './by-hand.ts';

const BAD = '1.31.1-dddddddddddd';
const membership = { group: 'bad-release', namespace: 'bad-release', revision: 'default' } as const;

describe('a release that was never confirmed', () => {
  let machine: Machine;
  before(async () => {
    machine = await machineByHand(openLab(), membership);
    const dying = await makeIstioDeb({ version: '1.31.1', envoy: '1.39.3', mutation: DYING_ENVOY });
    await writeRelease(machine, BAD, dying, membership);
    await machine.writeFile('/etc/systemd/system/istio.service.d/sooner.conf', '[Service]\nRestartSec=1\n');
    await machine.sh('systemctl daemon-reload');
  });
  after(() => machine.stop());
  beforeEach(() => pending(machine));

  const rejected = () => machine.sh(`cat ${STATE}/rejected/* 2>/dev/null || :`);

  it('is rolled back when its Envoy dies, and stays rolled back', async () => {
    await link(machine, 'staged', BAD);
    await machine.sh('systemctl restart istio');
    await untilRuns(machine, A, 60_000);
    assert.equal(await linked(machine, 'staged'), A);
    assert.match(await machine.sh(`cat ${STATE}/rejected/${BAD}`), /^reason=.*\ncount=1\nat=\d+\n/);
    assert.match(await machine.journal('istio'), new RegExp(`rolled back Istio release ${BAD} to ${A}`));
    await machine.sh('systemctl restart istio');
    await untilRuns(machine, A);
  });

  it('stays when an operator restarts it five times', async () => {
    for (let time = 0; time < 5; time++) await machine.sh('systemctl restart istio; sleep 1');
    await untilRuns(machine, B);
    assert.equal(await rejected(), '');
  });

  it('stays through five reboots', async () => {
    for (let time = 0; time < 5; time++) {
      await machine.reboot();
      await until(
        'Istio to be started',
        () => running(machine),
        60_000,
        (releases) => releases.includes(B),
      );
    }
    await untilRuns(machine, B);
    assert.equal(await rejected(), '');
  });

  it('stays when the machine has no address for two minutes', async () => {
    await machine.sh('systemctl restart istio');
    await untilRuns(machine, B);
    await machine.removeAddress();
    await machine.sh('systemctl restart istio; sleep 120', { timeoutMs: 150_000 });
    assert.deepEqual([await linked(machine, 'active'), await linked(machine, 'staged'), await rejected()], [B, B, '']);
    await machine.restoreAddress();
    await untilRuns(machine, B);
  });
});
