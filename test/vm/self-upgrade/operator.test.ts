/**
 * What operators of the cluster and of a machine do with the agent's own versions: requests, limits, holds, rollbacks,
 * and everything that can come in between.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { packageJson } from '../../../scripts/project.ts';
import type { Status } from '../../../src/status/status.ts';
import { upgradeControlPlane } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { untilServing } from '../lab/machine/mesh-vm.ts';
import { assertInOrder } from './in-order.ts';
import { exits } from './misbehaviour.ts';
import type { AgentRepository } from './repository.ts';
import { startUpgradeLab, type UpgradeLab } from './upgrade-lab.ts';
import { announce, type UpgradeVm } from './upgrade-vm.ts';

const SHIPPED = packageJson().version;
const API = '-p tcp --dport 6443 -j DROP';
const PROBATION = '/var/lib/smm-agent/agent/probation';

let lab: Lab;
let repository: AgentRepository;
let machine: UpgradeVm;
let end: UpgradeLab['end'] | undefined;

before(async () => {
  ({ lab, repository, machine, end } = await startUpgradeLab({ name: 'operators' }));
  for (const version of ['0.2.1', '0.2.2', '0.2.3', '0.2.4', '0.3.0']) await repository.publish(version);
  await repository.publish('0.2.9', { prefix: exits(1) });
});
after(() => end?.());

const sh = (script: string) => machine.machine.sh(script);
const last = async () => (await machine.history()).findLast(({ what }) => what === 'agent');

async function upgraded(version: string, more: Parameters<typeof announce>[2] = {}): Promise<void> {
  await announce(lab, version, more);
  await machine.reconcile();
  await machine.confirmed(version);
}

/** Waits until `smm-agent status` says this of the agent's own versions. */
async function untilSaid(state: string, reason: RegExp): Promise<void> {
  await machine.reconcile();
  await machine.vm.until(
    `the upgrade to be ${state}: ${reason}`,
    ({ upgrade }) => upgrade?.state === state && reason.test(upgrade.reason ?? ''),
  );
}

describe('the request of the control plane', () => {
  it('is absent: upgrades are off, and status says so', async () => {
    assert.match(await sh('smm-agent status'), /^upgrade .*; agent upgrades are off: ConfigMap smm-agent not found$/m);
    assert.equal((await machine.said(/^smm-agent 0\./)).status, 'True');
  });

  it('is held by the ConfigMap, until it is not any more', async () => {
    await announce(lab, '0.2.1', { hold: true });
    await untilSaid('held', /agents are held by ConfigMap smm-agent/);
    await upgraded('0.2.1');
  });

  it('is held on this machine, by hold and unhold', async () => {
    await announce(lab, '0.2.2');
    await sh('smm-agent hold');
    await untilSaid('held', /this machine is held/);
    await sh('smm-agent unhold');
    await machine.confirmed('0.2.2');
  });

  it('is not followed outside of agent.allow', async () => {
    await sh("smm-agent set agent.allow '<0.3.0'");
    await announce(lab, '0.3.0');
    await untilSaid('rejected', /0\.3\.0 is outside of what agent\.allow permits here \(<0\.3\.0\)/);
    await machine.said(/agent\.allow/);
    await announce(lab, '0.2.2');
    await sh("smm-agent set agent.allow '>=0.2.0'");
  });

  it('can be a downgrade, where the range allows it', async () => {
    await upgraded('0.2.1');
    assert.deepEqual([(await last())?.from, (await last())?.to], ['0.2.2', '0.2.1']);
    await announce(lab, '0.1.0');
    await untilSaid('rejected', /0\.1\.0 does not support probation/);
  });

  it('of the revision wins over the general one', async () => {
    // The unrevisioned installation has no name of its own: the general ConfigMap is its own.
    await announce(lab, '0.3.0', { revision: 'canary' });
    await upgraded('0.2.3');
    await upgradeControlPlane(lab, 'canary', '1.31.0');
    await lab.kube.kube(
      'PATCH',
      `/api/v1/namespaces/${machine.vm.namespace}`,
      { metadata: { labels: { 'istio.io/rev': 'canary', 'istio-injection': null } } },
      'application/merge-patch+json',
    );
    await machine.reconcile();
    await machine.confirmed('0.3.0');
    await machine.assertIstioUntouched();
  });

  it('for at least a version keeps an older agent from staging Istio', async () => {
    await announce(lab, '0.3.0', { revision: 'canary', minVersion: '0.3.0' });
    await sh(
      "smm-agent set agent.allow '<0.3.0'; ln -sfn versions/0.2.3 /opt/smm-agent/current; systemctl restart smm-agent",
    );
    await upgradeControlPlane(lab, 'canary', '1.31.1');
    await machine.reconcile();
    const { notDone } = await machine.vm.until('staging to wait', ({ agent, notDone }) => {
      return (
        agent.version === '0.2.3' && notDone.some(({ step, reason }) => step === 'stage' && /0\.3\.0/.test(reason))
      );
    });
    assert.ok(notDone.some(({ reason }) => /agent\.allow/.test(reason)));
    await upgradeControlPlane(lab, 'canary', '1.31.0');
    await sh("smm-agent set agent.allow '>=0.2.0'");
    await machine.reconcile();
    await machine.confirmed('0.3.0');
  });

  it('that cannot be understood changes nothing, and is quoted', async () => {
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'smm-agent-canary', namespace: 'istio-system' },
    };
    await lab.kube.applyObjects([{ ...object, data: { agentVersion: 'latest' } }]);
    await untilSaid('rejected', /agentVersion is not a version: "latest"/);
    await lab.kube.applyObjects([{ ...object, data: { agentVersion: '0.3.0', hold: 'yes' } }]);
    await untilSaid('rejected', /hold must be "true" or "false"/);
    await lab.kube.applyObjects([{ ...object, data: { agentVersion: '0.3.0', agentVersoin: '0.2.1' } }]);
    await machine.reconcile();
    const unknown = /a key agentVersoin, which this version does not know \(did you mean agentVersion\?\)/;
    await machine.vm.until('a warning', ({ warnings }) => unknown.test(warnings.join()));
    await announce(lab, '0.3.0', { revision: 'canary' });
    await machine.reconcile();
    await machine.confirmed('0.3.0');
  });
});

describe('an operator', () => {
  it('goes back by one version, which stays until they say otherwise', async () => {
    assert.match(await sh('smm-agent rollback'), /restarts as smm-agent 0\.2\.3; 0\.3\.0 will not be installed again/);
    await machine.vm.until(
      'the version before',
      ({ agent, upgrade }) => agent.version === '0.2.3' && upgrade?.probation === null,
    );
    await untilSaid('rejected', /an operator rolled smm-agent 0\.3\.0 back/);
    assert.deepEqual(
      [(await last())?.result, (await last())?.from, (await last())?.to],
      ['rolled back', '0.3.0', '0.2.3'],
    );
    await machine.said(/an operator rolled smm-agent 0\.3\.0 back/);
    await sh('smm-agent retry');
    await machine.confirmed('0.3.0');
    await machine.assertIstioUntouched();
  });
});

describe('a version on probation', () => {
  /** Announces it, and returns while it waits for a control plane that it cannot reach. */
  async function onProbation(version: string): Promise<void> {
    await machine.machine.writeFile(
      '/run/systemd/system/smm-agent.service.d/cut-off.conf',
      `[Service]\nExecStartPre=+/bin/sh -c '[ ! -e ${PROBATION} ] || iptables -C OUTPUT ${API} || iptables -I OUTPUT ${API}'\n`,
    );
    await sh('systemctl daemon-reload');
    await announce(lab, version, { revision: 'canary' });
    await machine.reconcile();
    await machine.vm.until(
      'a turn on probation',
      ({ upgrade, agent }) => agent.version === version && upgrade?.state === 'probation',
    );
    await sh('rm -r /run/systemd/system/smm-agent.service.d; systemctl daemon-reload');
  }

  /** Of another process, which is on probation too. */
  const turnAfter = (before: Status | null) =>
    machine.vm.until('another turn', ({ agent, upgrade }) => {
      return agent.pid !== before?.agent.pid && upgrade?.state === 'probation';
    });

  const reachable = () => sh(`iptables -D OUTPUT ${API}`);

  it('says so', async () => {
    await onProbation('0.2.1');
    assert.match(
      await sh('smm-agent status'),
      /^upgrade +running 0\.2\.1, installed 0\.2\.1, .*probation: in place of 0\.3\.0 since/m,
    );
  });

  it('is not blamed for a restart by an operator', async () => {
    const cursor = await machine.cursor();
    const before = await machine.vm.status();
    await sh('systemctl restart smm-agent');
    await turnAfter(before);
    assertInOrder(await machine.since(cursor), [/^Stopping/, /^Starting/, /0\.2\.1 starts on probation/, /^Started/]);
    assert.equal(await sh(`sed -n s/^power_cuts=//p ${PROBATION}`), '0\n');
  });

  it('is not blamed for a stop by an operator, however long', async () => {
    await sh('systemctl stop smm-agent');
    assert.equal(await sh(`sed -n s/^ended=//p ${PROBATION}`), 'yes\n');
    const before = await machine.vm.status();
    await sh('systemctl start smm-agent');
    await turnAfter(before);
  });

  it('is not blamed for a reboot, and is confirmed after it', async () => {
    await machine.machine.reboot();
    const { vm } = machine;
    const token = await lab.kube.mintToken(vm.namespace, vm.group, { audience: 'istio-ca' });
    await machine.machine.writeFile('/var/run/secrets/tokens/istio-token', token);
    await sh('systemctl start istio');
    await untilServing(lab, vm.machine, { group: vm.group, namespace: vm.namespace, revision: 'default' });
    await machine.noteIstio();
    await reachable();
    await machine.confirmed('0.2.1');
    const starts = await sh("journalctl -b --no-pager -o cat -u smm-agent | grep -c 'starts on probation'");
    assert.equal(starts, '1\n');
    assert.deepEqual([(await last())?.result, (await last())?.to], ['confirmed', '0.2.1']);
  });

  it('gives way to a package that is installed meanwhile, without blame', async () => {
    await onProbation('0.2.2');
    // Else the version of the package would make room for what the control plane asks for.
    await announce(lab, '0.4.0', { revision: 'canary' });
    await machine.vm.upgradeAgent('0.4.0');
    await reachable();
    await machine.vm.until(
      'the version of the package',
      ({ agent, upgrade }) => agent.version === '0.4.0' && upgrade?.probation === null,
    );
    assert.equal(await sh('ls /var/lib/smm-agent/agent/rejected 2>/dev/null || :'), '');
    assert.equal(
      await sh('readlink /opt/smm-agent/current /opt/smm-agent/previous'),
      'versions/0.4.0\nversions/0.2.1\n',
    );
    await machine.assertIstioUntouched();
  });

  it('stays in place of an older package that is installed meanwhile, and is confirmed', async () => {
    await repository.publish('0.5.0');
    await onProbation('0.5.0');
    await machine.vm.upgradeAgent('0.4.1');
    assert.equal(await sh('readlink /opt/smm-agent/current'), 'versions/0.5.0\n');
    await reachable();
    await machine.confirmed('0.5.0');
    await machine.assertIstioUntouched();
  });

  it('that is bad is rolled back to the version that a package installed', async () => {
    await announce(lab, '0.6.0', { revision: 'canary' });
    await machine.vm.upgradeAgent('0.6.0');
    await machine.confirmed('0.6.0');
    await repository.publish('0.6.1', { prefix: exits(1) });
    await announce(lab, '0.6.1', { revision: 'canary' });
    await machine.reconcile();
    await machine.putBack('0.6.1', '0.6.0');
    await machine.assertIstioUntouched();
  });

  it('was never of this project: a machine without the guard is not upgraded', async () => {
    await sh(`mkdir -p /etc/systemd/system/smm-agent.service.d
      printf '[Service]\\nExecStopPost=\\n' >/etc/systemd/system/smm-agent.service.d/mine.conf; systemctl daemon-reload`);
    await repository.publish('0.6.2');
    await announce(lab, '0.6.2', { revision: 'canary' });
    await untilSaid('failing', /does not run agent-guard/);
    await sh('rm /etc/systemd/system/smm-agent.service.d/mine.conf; systemctl daemon-reload; smm-agent retry');
    await machine.confirmed('0.6.2');
  });
});

describe('what is kept of a machine', () => {
  it('is a history that says all of it, in order', async () => {
    const versions = (await machine.history())
      .filter(({ what }) => what === 'agent')
      .map(({ result, to }) => `${result} ${to}`);
    const expected = [
      `installed ${SHIPPED}`,
      'confirmed 0.2.1',
      'confirmed 0.2.2',
      'confirmed 0.2.1',
      'confirmed 0.2.3',
      'confirmed 0.3.0',
    ];
    assert.deepEqual(versions.slice(0, expected.length), expected);
    assert.ok(versions.includes('put back 0.6.0'));
  });
});
