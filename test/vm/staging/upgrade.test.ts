/**
 * The main job on the real parts: adoption, a patch upgrade, a move to another revision and back; the package upgraded
 * and removed under it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentVm, upgradeControlPlane } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { namespaceLabels, untilServing } from '../lab/machine/mesh-vm.ts';
import { makeNamespace } from '../lab/mesh/cluster.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { until } from '../lab/until.ts';

describe('a machine whose mesh is upgraded', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;
  let asAdopted: string[] = [];

  before(async () => {
    ({ lab, end } = await startOwnLab());
    vm = await AgentVm.make(lab, { name: 'upgrade', version: '1.31.0', envoy: '1.39.3' });
    asAdopted = await vm.istioProcesses();
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });

  it('has its Istio adopted, and no restart pending', async () => {
    const status = await vm.adopted();
    assert.equal(status.istio.running?.istioVersion, '1.31.0');
    assert.deepEqual(await vm.istioProcesses(), asAdopted);
    await vm.condition('IstioRestartPending', 'False');
    await vm.condition('SmmAgent', 'True');
  });

  it('has the new patch staged, while the running one keeps its pids', async () => {
    await vm.publish('1.31.1', '1.40.0');
    await upgradeControlPlane(lab, 'default', '1.31.1');
    const { restart } = await vm.staged('1.31.1');
    assert.deepEqual(restart.why, ['Istio 1.31.0 to 1.31.1']);
    assert.deepEqual(await vm.istioProcesses(), asAdopted);
    const condition = await vm.condition('IstioRestartPending', 'True', /Istio 1\.31\.0 to 1\.31\.1/);
    assert.match(condition.message, /systemctl restart istio/);
    const { status } = (await vm.entry()) as {
      status: { validationMessages: { type: { code: string } }[]; conditions: { type: string }[] };
    };
    assert.deepEqual(
      status.validationMessages.map(({ type }) => type.code),
      ['SMM0001'],
    );
    assert.ok(
      status.conditions.some(({ type }) => type === 'Healthy'),
      'istiod keeps its condition',
    );
  });

  it('has the new patch up after systemctl stop istio, with the agent dead', async () => {
    await vm.machine.sh('systemctl stop smm-agent && systemctl stop istio');
    await until(
      'Envoy 1.40',
      () => vm.serverInfo(),
      60_000,
      ({ version }) => version.includes('/1.40.0/'),
    );
    assert.match((await vm.envoy()) ?? '', /releases\/1\.31\.1-[0-9a-f]{12}\/bin\/envoy$/);
    await vm.machine.sh('systemctl start smm-agent');
    await vm.running('1.31.1');
    await vm.condition('IstioRestartPending', 'False');
    const { status } = (await vm.entry()) as { status: { validationMessages?: unknown[] } };
    assert.deepEqual(status.validationMessages ?? [], []);
  });

  it('moved to another revision, is connected to the other istiod after one restart', async () => {
    await upgradeControlPlane(lab, 'canary', '1.31.1');
    await makeNamespace(lab.kube, vm.namespace, { ...namespaceLabels('canary') });
    const labels = { metadata: { labels: { 'istio-injection': null } } };
    await lab.kube.kube('PATCH', `/api/v1/namespaces/${vm.namespace}`, labels, 'application/merge-patch+json');
    await vm.until('canary to be staged', ({ istio }) => istio.staged?.revision === 'canary');
    assert.deepEqual([await lab.connectedTo('default'), await lab.connectedTo('canary')], [1, 0]);
    await vm.machine.sh('systemctl restart istio');
    await until(
      'the other istiod to count it',
      () => lab.connectedTo('canary'),
      60_000,
      (count) => count === 1,
    );
    await until(
      'the old istiod to let go',
      () => lab.connectedTo('default'),
      60_000,
      (count) => count === 0,
    );
    await vm.until(
      'canary to run',
      ({ istio, restart }) => istio.running?.revision === 'canary' && restart.pending === 'no',
    );
    const hosts = await vm.machine.readFile('/etc/hosts');
    assert.match(hosts, /istiod-canary\.istio-system\.svc/);
  });

  it('moved back, comes back', async () => {
    await makeNamespace(lab.kube, vm.namespace, namespaceLabels('default'));
    const labels = { metadata: { labels: { 'istio.io/rev': null } } };
    await lab.kube.kube('PATCH', `/api/v1/namespaces/${vm.namespace}`, labels, 'application/merge-patch+json');
    await vm.until('default to be staged', ({ istio }) => istio.staged?.revision === 'default');
    await vm.machine.sh('systemctl restart istio');
    await until(
      'the first istiod to count it',
      () => lab.connectedTo('default'),
      60_000,
      (count) => count === 1,
    );
    await vm.running('1.31.1');
  });

  it('has the package of the agent upgraded, and Istio does not notice', async () => {
    const before = await vm.istioProcesses();
    await vm.upgradeAgent('0.2.1');
    await vm.until('the new agent', ({ agent, istio }) => agent.version === '0.2.1' && istio.running !== null);
    assert.deepEqual(await vm.istioProcesses(), before);
  });

  it('has the package removed: Istio runs on, and starts from its release again', async () => {
    const before = await vm.istioProcesses();
    const said = await vm.machine.sh('dpkg --remove smm-agent');
    assert.match(said, /To go back to the Istio of the official package/);
    assert.deepEqual(await vm.istioProcesses(), before);
    await vm.condition('SmmAgent', 'False', /^smm-agent \S+ was removed from this machine/);
    await vm.condition('IstioRestartPending', 'Unknown', /was removed/);
    const leases = await lab.kube.kube('GET', `/apis/coordination.k8s.io/v1/namespaces/${vm.namespace}/leases`);
    assert.match(JSON.stringify(leases), /"smm-agent\.io\/restart-pending":"unknown"/, 'no list shows it as pending');
    await vm.machine.sh('systemctl restart istio');
    await untilServing(lab, vm.machine, { namespace: vm.namespace, group: vm.group, revision: 'default' });
    assert.match((await vm.envoy()) ?? '', /releases\/1\.31\.1-[0-9a-f]{12}\/bin\/envoy$/);
  });

  it('keeps what runs from a purge, and goes back to the official package by the printed commands', async () => {
    // Also while a restart is pending: the stop of Istio must not start it again, from /opt.
    const active = (await vm.machine.sh('readlink /opt/smm-agent/istio/active')).trim();
    const others = `ls -d /opt/smm-agent/istio/releases/1.* | grep -v ${active} | head -n 1`;
    await vm.machine.sh(`ln -sfn releases/$(basename "$(${others})") /opt/smm-agent/istio/staged`);
    const before = await vm.istioProcesses();
    const refused = await vm.machine.exec(['dpkg', '--purge', 'smm-agent']);
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /cannot be purged: these processes run from \/opt\/smm-agent/);
    assert.deepEqual(await vm.istioProcesses(), before);
    const commands = [...refused.stderr.matchAll(/^ {4}((?:systemctl|rm|dpkg) .*)$/gm)].map(([, command]) => command);
    assert.equal(commands.length, 5, refused.stderr);
    await vm.machine.sh(commands.join(' && '));
    await untilServing(lab, vm.machine, { namespace: vm.namespace, group: vm.group, revision: 'default' });
    assert.equal(await vm.envoy(), '/usr/local/bin/envoy');
    assert.notEqual((await vm.machine.exec(['test', '-e', '/opt/smm-agent'])).status, 0);
  });
});
