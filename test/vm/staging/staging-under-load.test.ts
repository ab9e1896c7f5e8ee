/**
 * Istio serves while the next release is fetched, unpacked, tried and staged: the clients of the workload must not
 * notice.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentVm, upgradeControlPlane } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { BACKEND_PORT } from '../lab/machine/mesh-files.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { startLoad } from '../lab/traffic/load.ts';

const CONNECTIONS = 100;
const REQUESTS_PER_SECOND = 500;

describe('staging under load', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;
  before(async () => {
    ({ lab, end } = await startOwnLab());
    vm = await AgentVm.make(lab, { name: 'load', version: '1.31.0', envoy: '1.39.3' });
    await vm.adopted();
    await vm.publish('1.31.1', '1.40.0');
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });

  it('fails no request, closes no connection and restarts nothing', async () => {
    const before = await vm.istioProcesses();
    const url = `http://${vm.machine.address}:${BACKEND_PORT}/`;
    const load = await startLoad(lab, { url, connections: CONNECTIONS, requestsPerSecond: REQUESTS_PER_SECOND });
    await upgradeControlPlane(lab, 'default', '1.31.1');
    await vm.staged('1.31.1');
    const result = await load.stop();
    assert.deepEqual([result.errors, result.closed], [0, 0], JSON.stringify(result));
    assert.deepEqual(Object.keys(result.servers), ['istio-envoy'], 'all of it went through Envoy');
    const least = REQUESTS_PER_SECOND * result.seconds * 0.8;
    assert.ok(result.requests > least, JSON.stringify(result));
    assert.deepEqual(await vm.istioProcesses(), before);
  });

  it('is done over again by a change of configuration, as quietly and without a download', async () => {
    const before = await vm.istioProcesses();
    const asked = vm.downloads.requests().length;
    const url = `http://${vm.machine.address}:${BACKEND_PORT}/`;
    const load = await startLoad(lab, { url, connections: CONNECTIONS, requestsPerSecond: REQUESTS_PER_SECOND });
    const { istio } = await vm.staged('1.31.1');
    await vm.machine.sh('smm-agent set istio.env.OWN_KEY 1');
    await vm.until('another release to be staged', (status) => {
      return status.istio.staged !== null && status.istio.staged.id !== istio.staged?.id;
    });
    const result = await load.stop();
    assert.deepEqual([result.errors, result.closed], [0, 0], JSON.stringify(result));
    assert.deepEqual(await vm.istioProcesses(), before);
    assert.equal(vm.downloads.requests().length, asked);
  });
});
