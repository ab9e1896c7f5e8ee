/**
 * The agent's own upgrade under the real systemd, with the real control plane and a signed repository: what goes well,
 * also beside other things.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { agentTarget, runtimeTarget } from '../../../src/downloads/targets.ts';
import { upgradeControlPlane } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { hostArch } from '../lab/parts/go-parts.ts';
import { otherNode, otherNodeVersion } from '../lab/parts/node-part.ts';
import { until } from '../lab/until.ts';
import { assertInOrder } from './in-order.ts';
import type { AgentRepository } from './repository.ts';
import { startUpgradeLab, type UpgradeLab } from './upgrade-lab.ts';
import { announce, TWO_MINUTES_MS, type UpgradeVm } from './upgrade-vm.ts';

/** What an upgrade that keeps its runtime may cost. */
const MOST_BYTES = 1_500_000;
const ISTIO_PACKAGE = /istio-sidecar\.deb$/;

describe('an agent that the control plane upgrades', () => {
  let lab: Lab;
  let repository: AgentRepository;
  let machine: UpgradeVm;
  let end: UpgradeLab['end'] | undefined;

  before(async () => {
    ({ lab, repository, machine, end } = await startUpgradeLab({ name: 'self-upgrade' }));
  });
  after(() => end?.());

  const sh = (script: string) => machine.machine.sh(script);
  const node = async () => (await sh('readlink /proc/$(systemctl show -P MainPID smm-agent)/exe')).trim();
  /** Names of target files that were asked for since the call before, without digests. */
  const asked = (() => {
    let seen = 0;
    return () => {
      const all = repository.targetRequests();
      const fresh = all.slice(seen);
      seen = all.length;
      return fresh.map((path) => path.replace('/targets/', '').replace(/[0-9a-f]{64}\./, ''));
    };
  })();

  async function upgraded(version: string): Promise<string[]> {
    const cursor = await machine.cursor();
    await announce(lab, version);
    await machine.reconcile();
    await machine.confirmed(version);
    // The journal tells of a turn when it is over.
    await machine.reconcile();
    return machine.since(cursor);
  }

  it('fetches, checks and becomes the version that is announced, and Istio does not notice', async (test) => {
    const bytes = await repository.publish('0.2.1');
    const lines = await upgraded('0.2.1');
    assertInOrder(lines, [
      /^upgrading: smm-agent 0\.2\.1 is wanted, in place of 0\.2\.0/,
      /^smm-agent 0\.2\.1 is in place, and its self-check passed/,
      /^Stopping smm-agent\.service/,
      /^smm-agent\.service: Deactivated successfully/,
      /^Starting smm-agent\.service/,
      /version 0\.2\.1 starts on probation: within 50 s it is confirmed, or rolled back to 0\.2\.0/,
      /^smm-agent 0\.2\.1 starts/,
      /^Started smm-agent\.service/,
      /^smm-agent 0\.2\.1 is confirmed, in place of 0\.2\.0/,
      /^ready: /,
    ]);
    // The journal has it from the agent, not from systemd: the order between the two is not certain.
    assert.ok(lines.some((line) => /^smm-agent stops .*SIGTERM/.test(line)));
    assert.ok(!lines.some((line) => /istio\.service/.test(line)));
    assert.deepEqual(asked(), [agentTarget('0.2.1')], 'its runtime is there already');
    test.diagnostic(`${bytes} bytes`);
    assert.ok(bytes < MOST_BYTES, `${bytes} bytes`);
    await machine.assertIstioUntouched();
  });

  it('tells of the upgrade in all views', async () => {
    const { upgrade } = await machine.confirmed('0.2.1');
    assert.deepEqual([upgrade?.previous, upgrade?.wanted, upgrade?.state], ['0.2.0', '0.2.1', 'current']);
    assert.match(
      await sh('smm-agent status'),
      /^upgrade +running 0\.2\.1, installed 0\.2\.1, wanted 0\.2\.1; current$/m,
    );
    assert.match(await sh('smm-agent history'), /Z {2}smm-agent 0\.2\.1 is confirmed in place of 0\.2\.0$/m);
    assert.match(
      await sh('smm-agent version'),
      /^agent running +0\.2\.1\nagent installed +0\.2\.1\nagent wanted +0\.2\.1$/m,
    );
    const { status } = await machine.said(/^smm-agent 0\.2\.1, /);
    assert.equal(status, 'True');
    const { items } = await lab.kube.kube(
      'GET',
      `/apis/coordination.k8s.io/v1/namespaces/${machine.vm.namespace}/leases`,
    );
    const [lease] = items;
    assert.equal(lease.metadata.annotations['smm-agent.io/agent-version'], '0.2.1');
  });

  it('changes its runtime with it, and goes back to the one before with the next', async () => {
    const before = await node();
    const version = otherNodeVersion('earlier');
    await repository.publishRuntime(version, await otherNode('earlier'));
    await repository.publish('0.2.2', { runtime: version });
    const lines = await upgraded('0.2.2');
    assert.ok(lines.some((line) => line.startsWith('smm-agent 0.2.2 starts') && line.endsWith(`node=v${version}`)));
    assert.equal(await node(), `/opt/smm-agent/runtimes/${version}/bin/node`);
    assert.deepEqual(asked(), [agentTarget('0.2.2'), runtimeTarget(version, hostArch())]);
    await repository.publish('0.2.3');
    await upgraded('0.2.3');
    assert.equal(await node(), before);
    assert.deepEqual(asked(), [agentTarget('0.2.3')]);
    await machine.assertIstioUntouched();
  });

  it('is not switched to a runtime that lacks a library on this machine, and says which', async () => {
    const version = otherNodeVersion('later');
    await repository.publishRuntime(version, await otherNode('later'));
    await repository.publish('0.4.0', { runtime: version });
    await announce(lab, '0.4.0');
    await machine.reconcile();
    const { agent } = await machine.vm.until('it to be rejected', (status) => status.upgrade?.state === 'rejected');
    assert.match(
      agent.reason,
      /0\.4\.0 was rejected: its self-check failed: .*libatomic\.so\.1: cannot open shared object/,
    );
    assert.equal(agent.version, '0.2.3');
    await machine.said(/libatomic\.so\.1/);
    await machine.assertIstioUntouched();
  });

  it('is upgraded three times in a row, and keeps what it may have to go back to', async () => {
    for (const version of ['0.2.4', '0.2.5']) {
      await repository.publish(version);
      await upgraded(version);
    }
    await repository.publish('0.2.6');
    await announce(lab, '0.2.6');
    // An operator who waits at the machine is told the result too, by a command of the version that is replaced.
    const waited = await machine.vm.machine.sh('smm-agent reconcile --wait', { timeoutMs: TWO_MINUTES_MS });
    assert.match(waited, /^smm-agent 0\.2\.6 runs, as wanted$/m);
    await machine.confirmed('0.2.6');
    const links = 'readlink /opt/smm-agent/current /opt/smm-agent/previous';
    assert.equal(await sh(links), 'versions/0.2.6\nversions/0.2.5\n');
    const kept = () => sh('ls /opt/smm-agent/versions /opt/smm-agent/runtimes');
    const wanted = '/opt/smm-agent/runtimes:\n24.21.0\n\n/opt/smm-agent/versions:\n0.2.4\n0.2.5\n0.2.6\n';
    await until('the rest to be gone', kept, TWO_MINUTES_MS, (names) => names === wanted);
    await machine.assertIstioUntouched();
  });

  it('downloads what was corrupted on the way again, and takes nothing of it', async () => {
    await repository.publish('0.2.7');
    repository.downloads.setFaults([{ path: 'smm-agent-0\\.2\\.7', kind: 'wrong-bytes' }]);
    await announce(lab, '0.2.7');
    await machine.reconcile();
    const { upgrade, agent } = await machine.vm.until('it to fail', (status) => status.upgrade?.state === 'failing');
    assert.match(upgrade?.reason ?? '', /smm-agent-0\.2\.7.*tried once, not again before/);
    assert.equal(agent.version, '0.2.6');
    await machine.said(/wanted 0\.2\.7: failing/);
    assert.equal(await sh('ls /opt/smm-agent/versions | grep 0.2.7 || :'), '');
    repository.downloads.setFaults([]);
    await sh('smm-agent retry');
    await machine.confirmed('0.2.7');
    await machine.assertIstioUntouched();
  });

  it('says which runtime is missing in the repository, and works on', async () => {
    await repository.publish('0.2.8', { runtime: '24.91.0' });
    await announce(lab, '0.2.8');
    await machine.reconcile();
    const { upgrade, agent } = await machine.vm.until('it to fail', (status) => status.upgrade?.state === 'failing');
    assert.match(upgrade?.reason ?? '', /cannot find runtime\/node-24\.91\.0-\w+\.tar\.zst in the repository/);
    assert.equal(agent.version, '0.2.7');
    await repository.publishRuntime('24.91.0');
    await sh('smm-agent retry');
    await machine.confirmed('0.2.8');
    assert.equal(await node(), '/opt/smm-agent/runtimes/24.91.0/bin/node');
    await machine.assertIstioUntouched();
  });

  it('is upgraded when a release of Istio that is being staged is in place, whose download nothing cut off', async () => {
    machine.vm.downloads.setFaults([{ path: ISTIO_PACKAGE.source, kind: 'slow', bytesPerSecond: 20_000_000 }]);
    await machine.vm.publish('1.31.1', '1.40.0');
    await repository.publish('0.2.9');
    const cursor = await machine.cursor();
    await upgradeControlPlane(lab, 'default', '1.31.1');
    const begun = () => sh('ls /var/cache/smm-agent/*.part 2>/dev/null || :');
    await until('the download of Istio to begin', begun, TWO_MINUTES_MS);
    await announce(lab, '0.2.9');
    await machine.reconcile();
    await machine.confirmed('0.2.9');
    await machine.vm.staged('1.31.1');
    assertInOrder(await machine.since(cursor), [
      /^staged Istio 1\.31\.1/,
      /^upgrading: smm-agent 0\.2\.9/,
      /0\.2\.9 is confirmed/,
    ]);
    assert.equal(machine.vm.downloads.requests().filter(({ path }) => ISTIO_PACKAGE.test(path)).length, 1);
    await machine.assertIstioUntouched();
  });

  it('comes first where both are due, and then stages the release as its next version', async () => {
    machine.vm.downloads.setFaults([]);
    await repository.publish('0.2.10');
    await machine.vm.publish('1.31.2', '1.40.0');
    await sh('systemctl stop smm-agent');
    await announce(lab, '0.2.10');
    await upgradeControlPlane(lab, 'default', '1.31.2');
    const cursor = await machine.cursor();
    await sh('systemctl start smm-agent');
    await machine.confirmed('0.2.10');
    await machine.vm.staged('1.31.2');
    assertInOrder(await machine.since(cursor), [/^upgrading: /, /0\.2\.10 is confirmed/, /^staged Istio 1\.31\.2/]);
    await machine.assertIstioUntouched();
  });

  it('takes over from a command that was making a turn when it starts', async () => {
    await sh('systemctl stop smm-agent');
    machine.vm.downloads.setFaults([{ path: ISTIO_PACKAGE.source, kind: 'slow', bytesPerSecond: 1_000_000 }]);
    await machine.vm.publish('1.31.3', '1.40.0');
    await upgradeControlPlane(lab, 'default', '1.31.3');
    const command = machine.machine.exec(['smm-agent', 'reconcile'], { timeoutMs: TWO_MINUTES_MS });
    const begun = () => sh('ls /var/cache/smm-agent/*.part 2>/dev/null || :');
    await until('the download of Istio to begin', begun, TWO_MINUTES_MS);
    // For the requests of the agent: that of the command stays slow.
    machine.vm.downloads.setFaults([]);
    await sh('systemctl start smm-agent');
    const { status, stderr } = await command;
    assert.notEqual(status, 0);
    assert.match(stderr, /the daemon has just started and makes the turn itself/);
    await machine.vm.staged('1.31.3');
  });

  it('is not disturbed by a second agent that an operator starts by hand', async () => {
    await repository.publish('0.2.11');
    const second = async () => {
      const { status, stderr } = await machine.machine.exec(['/opt/smm-agent/bin/smm-agent', 'run'], {
        timeoutMs: 20_000,
      });
      return { status, stderr };
    };
    const isRefused = ({ status, stderr }: Awaited<ReturnType<typeof second>>) =>
      status === 75 && /another smm-agent runs on this machine/.test(stderr);
    // Again and again, so that some are there between the two versions: those make way for the new one.
    let isUpgraded = false;
    const others = (async () => {
      const outcomes = [];
      while (!isUpgraded) outcomes.push(await second());
      return outcomes;
    })();
    try {
      await upgraded('0.2.11');
    } finally {
      isUpgraded = true;
    }
    const outcomes = await others;
    const madeWay = outcomes.filter(({ status }) => status === 0).length;
    assert.equal(outcomes.filter(isRefused).length + madeWay, outcomes.length, JSON.stringify(outcomes));
    assert.ok(isRefused(await second()));
    await machine.assertIstioUntouched();
  });
});
