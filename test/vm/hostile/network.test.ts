/**
 * An Envoy that lets nothing out, or that hangs: the agent has a way of its own once Istio runs from one of its
 * releases.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentVm, upgradeControlPlane } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { untilServing } from '../lab/machine/mesh-vm.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { until } from '../lab/until.ts';

describe('a machine whose Envoy lets nothing through', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;
  before(async () => {
    ({ lab, end } = await startOwnLab());
    vm = await AgentVm.make(lab, { name: 'hostile', version: '1.31.0', envoy: '1.39.3' });
    await vm.adopted();
    await vm.machine.sh('systemctl restart istio');
    await untilServing(lab, vm.machine, { namespace: vm.namespace, group: vm.group, revision: 'default' });
    await vm.running('1.31.0');
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });

  /** Status of an HTTPS request to the API server, with this group; 000 without an answer. */
  const asks = async (group: string): Promise<string> => {
    const curl = `curl -sk -m 3 -o /dev/null -w '%{http_code}' ${lab.state.server.url}/version`;
    const { stdout } = await vm.machine.exec(['setpriv', '--regid', group, '--clear-groups', 'sh', '-c', curl]);
    return stdout;
  };
  const nobodyElseGetsOut = () =>
    until(
      'Envoy to let nothing out',
      () => asks('root'),
      30_000,
      (status) => status === '000',
    );
  const getsOut = (group: string) =>
    until(
      `${group} to get out`,
      () => asks(group),
      30_000,
      (status) => /^(200|401|403)$/.test(status),
    );

  it("exempts the agent's group from the redirect, and no other group", async () => {
    await getsOut('smm-agent');
    await getsOut('root');
    const rules = await vm.machine.sh('iptables-save -t nat; iptables-legacy-save -t nat 2>/dev/null || :');
    assert.match(rules, /-A ISTIO_OUTPUT -m owner --gid-owner \d+ -j RETURN/);
    const { message } = await vm.condition('IstioRestartPending', 'False');
    assert.match(message, /1\.31\.0 runs/);
  });

  it('works under REGISTRY_ONLY: polls, stages and reports', async () => {
    await lab.kube.applyObjects([
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'Sidecar',
        metadata: { name: 'default', namespace: vm.namespace },
        spec: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
      },
    ]);
    await nobodyElseGetsOut();
    await vm.publish('1.31.1', '1.40.0');
    await upgradeControlPlane(lab, 'default', '1.31.1');
    await vm.staged('1.31.1');
    await vm.condition('IstioRestartPending', 'True', /Istio 1\.31\.0 to 1\.31\.1/);
  });

  it('comes up with the new release under REGISTRY_ONLY too', async () => {
    await vm.machine.sh('systemctl restart istio');
    await vm.running('1.31.1');
    await nobodyElseGetsOut();
    await vm.condition('IstioRestartPending', 'False', /1\.31\.1 runs/);
  });

  it('works while Envoy hangs: says what is pending, from what runs, and what is staged', async () => {
    const before = await vm.istioProcesses();
    const envoy = (await vm.machine.processesOf('istio')).find(({ exe }) => exe.endsWith('/envoy'))?.pid;
    await vm.publish('1.31.2', '1.40.0');
    await vm.machine.sh(`kill -STOP ${envoy}`);
    try {
      assert.equal(await asks('root'), '000');
      await upgradeControlPlane(lab, 'default', '1.31.2');
      const { istio } = await vm.staged('1.31.2');
      assert.equal(istio.running?.istioVersion, '1.31.1');
      const lease = async () => {
        const path = `/apis/coordination.k8s.io/v1/namespaces/${vm.namespace}/leases`;
        const { items } = await lab.kube.kube('GET', path);
        return JSON.stringify(
          items.filter(({ metadata }: { metadata: { name: string } }) => /hostile/.test(metadata.name)),
        );
      };
      await until('its Lease to say so', lease, 90_000, (text) => text.includes('1.31.2'));
      assert.deepEqual(await vm.istioProcesses(), before);
    } finally {
      await vm.machine.sh(`kill -CONT ${envoy}`);
    }
    await vm.condition('IstioRestartPending', 'True', /Istio 1\.31\.1 to 1\.31\.2/);
  });
});
