/** A machine of Debian 11, whose systemd (247) is the oldest that the tests boot: the whole job there. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentVm, upgradeControlPlane } from './agent-vm.ts';
import type { Lab } from './lab/lab.ts';
import { startOwnLab } from './lab/mesh/control-plane.ts';
import { until } from './lab/until.ts';

/** What systemd says of a line of a unit that it does not know. The lines of the agent's unit may be newer than it. */
const UNKNOWN = /Unknown (?:key name|lvalue) '(\w+)'/g;

const PATIENCE_MS = 60_000;

describe('a machine of Debian 11', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;

  before(async () => {
    ({ lab, end } = await startOwnLab({ istiods: ['default'] }));
    vm = await AgentVm.make(lab, { name: 'bullseye', suite: 'bullseye' });
    await vm.publish('1.31.1', '1.40.0');
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });

  it('has its Istio adopted by an agent that systemd finds ready', async () => {
    assert.match(await vm.machine.sh('systemctl --version'), /^systemd 247 /);
    await vm.adopted();
    await vm.until('it to be ready', ({ agent }) => agent.state === 'ready');
    assert.equal(
      await vm.machine.sh('systemctl is-active smm-agent; systemctl show -P NRestarts smm-agent'),
      'active\n0\n',
    );
    const ignored = [...(await vm.machine.sh('journalctl -b -o cat')).matchAll(UNKNOWN)].map(([, key]) => key);
    assert.deepEqual([...new Set(ignored)].toSorted(), ['NoExecPaths', 'SocketBindDeny']);
  });

  it('has a new patch staged, and starts into it by a stop', async () => {
    const before = await vm.istioProcesses();
    await upgradeControlPlane(lab, 'default', '1.31.1');
    await vm.staged('1.31.1');
    assert.deepEqual(await vm.istioProcesses(), before);
    await vm.condition('IstioRestartPending', 'True');
    await vm.machine.sh('systemctl stop istio');
    await vm.running('1.31.1');
  });

  it('feeds the watchdog of that systemd, which ends it when it hangs', async () => {
    const mainPid = async () => (await vm.machine.sh('systemctl show -P MainPID smm-agent')).trim();
    const pid = await mainPid();
    const uptime = async () => Number((await vm.machine.sh(`ps -o etimes= -p ${pid} || echo 0`)).trim());
    await until('it to be older than WatchdogSec', uptime, PATIENCE_MS, (seconds) => seconds > 40);
    assert.equal(await mainPid(), pid);
    await vm.machine.sh(`kill -STOP ${pid}`);
    await until('another process', mainPid, PATIENCE_MS, (now) => now !== '0' && now !== pid);
    await vm.until('it to be ready', ({ agent }) => agent.state === 'ready' && agent.pid !== Number(pid), PATIENCE_MS);
  });
});
