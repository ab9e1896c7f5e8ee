/** istio.service that is only another name of a unit: systemd lists its jobs under the unit's own name. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentVm } from './agent-vm.ts';
import { openLab } from './lab/lab.ts';

const STATE = '/var/lib/smm-agent/istio';

describe('an istio.service that is an alias of another unit', () => {
  const lab = openLab();
  let vm: AgentVm;
  const sh = (script: string) => vm.machine.sh(script);

  before(async () => {
    vm = await AgentVm.make(lab, {
      name: 'alias',
      prepare: async (machine) => {
        await machine.sh(`systemctl stop istio
          grep -v '^Alias=' /lib/systemd/system/istio.service > /etc/systemd/system/mesh-proxy.service
          ln -sfn mesh-proxy.service /etc/systemd/system/istio.service
          systemctl daemon-reload; systemctl start mesh-proxy`);
      },
    });
    await vm.until('it to be ready', ({ agent, istio }) => agent.state === 'ready' && istio.active !== null);
  });
  after(() => vm?.end());

  it("has an operator's restarts told as restarts, and counted against no release", async () => {
    assert.equal(await sh('systemctl show -P Id istio.service'), 'mesh-proxy.service\n');
    await sh('smm-agent set istio.env.OWN_KEY 1');
    await vm.until('a release that is not confirmed to be staged', ({ restart }) => restart.pending === 'yes');
    for (let time = 0; time < 4; time++) {
      await sh('systemctl restart mesh-proxy');
      assert.match(await sh('cat /run/smm-agent/istio-stopped'), /^kind=restart\njob=restart$/m);
    }
    assert.equal(await sh(`ls ${STATE}/ends ${STATE}/rejected 2>/dev/null | grep '^[0-9]' || :`), '');
  });

  it('starts again into what is pending when it is stopped by either name', async () => {
    for (const [name, value] of [
      ['mesh-proxy', '2'],
      ['istio', '3'],
    ]) {
      await sh(`smm-agent set istio.env.OWN_KEY ${value}`);
      await vm.until('a release to be staged', ({ restart }) => restart.pending === 'yes');
      await sh(`systemctl stop ${name}`);
      assert.match(await sh('cat /run/smm-agent/istio-stopped'), /^kind=stop$/m);
      await vm.until('it to run', ({ restart, istio }) => restart.pending === 'no' && istio.running !== null);
    }
  });
});
