/** The agent's own upgrade under the real systemd, with the real control plane and a signed repository: what goes well. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startOwnLab } from './lab/control-plane.ts';
import type { Lab } from './lab/lab.ts';
import { assertInOrder } from './self-upgrade/in-order.ts';
import { AgentRepository } from './self-upgrade/repository.ts';
import { announce, UpgradeVm } from './self-upgrade/upgrade-vm.ts';

describe('an agent that the control plane upgrades', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let repository: AgentRepository;
  let machine: UpgradeVm;

  before(async () => {
    ({ lab, end } = await startOwnLab());
    repository = await AgentRepository.make(lab);
    machine = await UpgradeVm.make(lab, repository, { name: 'self-upgrade' });
  });
  after(async () => {
    await machine?.vm.end();
    await repository?.stop();
    await end?.();
  });

  it('says that its upgrades are off while no ConfigMap asks for a version', async () => {
    const said = await machine.machine.sh('smm-agent status');
    console.log(said);
    assert.match(said, /agent upgrades are off: ConfigMap smm-agent not found/);
  });

  it('fetches, checks and becomes the version that is announced, and Istio does not notice', async () => {
    const bytes = await repository.publish('0.2.1');
    const cursor = await machine.cursor();
    await announce(lab, '0.2.1');
    await machine.reconcile();
    await machine.confirmed('0.2.1');
    const lines = await machine.since(cursor);
    console.log(lines.join('\n'), bytes);
    console.log(
      await machine.machine.sh(
        'smm-agent status; smm-agent history; smm-agent version; ls -la /opt/smm-agent /var/lib/smm-agent/agent /run/smm-agent; systemctl list-timers --all --no-pager',
      ),
    );
    assertInOrder(lines, [/0\.2\.1/]);
    await machine.assertIstioUntouched();
    console.log(await machine.said(/0\.2\.1/));
  });
});
