/**
 * Each way in which Istio can end and start again, with another release staged and the agent running.
 * test/vm/activation/activation.test.ts has the same without the agent.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { AgentVm, upgradeControlPlane } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { until } from '../lab/until.ts';
import { chains, staysStopped, stopRecord, unitState } from './by-hand.ts';

const ENVOYS = { '1.31.0': '1.39.3', '1.31.1': '1.40.0' } as const;
type Version = keyof typeof ENVOYS;

describe('Istio with another release staged, and the agent alive', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;
  /** What is staged when a test begins. */
  let next: Version = '1.31.0';

  before(async () => {
    ({ lab, end } = await startOwnLab());
    vm = await AgentVm.make(lab, { name: 'alive', version: '1.31.0', envoy: ENVOYS['1.31.0'] });
    await vm.adopted();
    for (const version of ['1.31.0', '1.31.1'] as const) await vm.publish(version, ENVOYS[version]);
    await vm.machine.sh('systemctl enable -q istio');
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });
  beforeEach(async () => {
    // Undoes changes of the test before.
    await machine().sh('systemctl unmask -q istio; systemctl enable -q istio; systemctl start istio');
    const { istio } = await vm.until('a status', (status) => status.istio.active !== null);
    next = istio.active?.istioVersion === '1.31.0' ? '1.31.1' : '1.31.0';
    await upgradeControlPlane(lab, 'default', next);
    await vm.staged(next);
  });

  const machine = () => vm.machine;
  const agentPid = () => machine().sh('systemctl show -P MainPID smm-agent');

  async function comesUp(): Promise<void> {
    await vm.running(next);
    const { version } = await vm.serverInfo();
    assert.ok(version.includes(`/${ENVOYS[next]}/`), `Envoy is ${version}`);
    assert.ok((await chains(machine())) > 0);
  }
  const startByHand = async () => {
    await machine().sh('systemctl unmask -q istio; systemctl enable -q istio; systemctl start istio');
    await comesUp();
  };
  const stopped = (by: RegExp) =>
    vm.until('Istio to be reported as stopped', ({ istio }) => by.test(istio.stopped?.by ?? ''));

  it('comes up as the staged release after systemctl stop', async () => {
    await machine().sh('systemctl stop istio');
    assert.equal((await stopRecord(machine()))?.job, 'stop');
    await comesUp();
  });

  it('comes up as the staged release after systemctl restart, and the agent goes on', async () => {
    const agent = await agentPid();
    await machine().sh('systemctl restart istio');
    assert.equal((await stopRecord(machine()))?.job, 'restart');
    await comesUp();
    assert.equal(await agentPid(), agent);
  });

  it('stays stopped after disable --now, and the report says by what', async () => {
    await machine().sh('systemctl disable -q --now istio');
    await stopped(/^systemctl stop/);
    // istiod deletes the entry ten seconds after the end of the connection.
    await vm.condition('IstioRestartPending', 'True', /stopped since/);
    assert.ok(await staysStopped(machine()));
    await startByHand();
  });

  it('stays stopped after mask --now', async () => {
    await machine().sh('systemctl mask -q --now istio');
    assert.ok(await staysStopped(machine()));
    await startByHand();
  });

  it('comes up as the staged release after a crash of Envoy', async () => {
    await machine().sh('pkill -SEGV -x envoy');
    await comesUp();
    assert.equal((await stopRecord(machine()))?.job, 'none');
  });

  it('is started by the agent after a stop out of auto-restart, for which systemd runs no hook', async () => {
    await machine().sh('pkill -SEGV -x envoy');
    const waiting = () => machine().sh('systemctl show -P SubState istio');
    await until('the unit to wait for its restart', waiting, 30_000, (state) => state === 'auto-restart\n');
    await machine().sh('systemctl stop istio');
    assert.equal((await stopRecord(machine()))?.kind, 'own-end');
    await comesUp();
  });

  it('comes up as the staged release after a stop that ran into TimeoutStopSec', async () => {
    await machine().sh('pkill -STOP -x pilot-agent && pkill -STOP -x envoy');
    await machine().exec(['systemctl', 'stop', 'istio'], { timeoutMs: 90_000 });
    assert.deepEqual([(await stopRecord(machine()))?.job, (await stopRecord(machine()))?.result], ['stop', 'timeout']);
    await comesUp();
  });

  it('comes up as the staged release after a reboot', async () => {
    await machine().reboot();
    await comesUp();
  });

  it('stays stopped in rescue mode', async () => {
    await machine().sh('systemctl isolate --no-block rescue.target');
    await until(
      'Istio to be stopped',
      () => unitState(machine()),
      30_000,
      (state) => state === 'inactive',
    );
    assert.equal((await stopRecord(machine()))?.kind, 'rescue');
    assert.ok(await staysStopped(machine()));
    await machine().sh('systemctl isolate --no-block default.target');
    await comesUp();
  });

  it('is neither started nor upgraded on a held machine, also across a reboot', async () => {
    await machine().sh('smm-agent hold');
    await vm.until('nothing to be staged', ({ istio, agent }) => agent.state === 'held' && istio.staged === null);
    await machine().sh('systemctl stop istio');
    assert.ok(await staysStopped(machine()));
    await machine().reboot();
    const before = next === '1.31.0' ? '1.31.1' : '1.31.0';
    await vm.running(before);
    await machine().sh('smm-agent unhold');
    await vm.staged(next);
  });
});
