/**
 * The agent's own upgrade, ended by SIGKILL at each named point of it, in the old version, in the new one and in the
 * scripts between them, on a real systemd; then the whole machine at those points from which on a boot makes a
 * difference. Each time a version works again, and says what happened; without a power cut Istio never notices.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CONFIRMATION_CHECKPOINTS, UPGRADE_CHECKPOINTS } from '../../../src/host/files/checkpoints.ts';
import { AGENT_PUT_BACK_POINTS, DEADLINE_POINTS, TRIAL_END_POINTS, TRIAL_POINTS } from '../../systemd/kill-points.ts';
import type { Lab } from '../lab/lab.ts';
import { untilServing } from '../lab/machine/mesh-vm.ts';
import { until } from '../lab/until.ts';
import { exits, IDLES_AFTER_READY } from './misbehaviour.ts';
import type { AgentRepository } from './repository.ts';
import { startUpgradeLab, type UpgradeLab } from './upgrade-lab.ts';
import { announce, TWO_MINUTES_MS, type UpgradeVm } from './upgrade-vm.ts';

const KILL = '/run/smm-test-kill';
const PROBATION = '/var/lib/smm-agent/agent/probation';
const API = '-p tcp --dport 6443 -j DROP';
const NEW_RUNTIME = /^agent-runtime/;
/** The version on probation has ended its probation by then. */
const CONFIRMED: ReadonlySet<string> = new Set([
  'agent-probation-ended',
  'agent-state-migrated',
  'agent-version-forgotten',
]);

let lab: Lab;
let repository: AgentRepository;
let machine: UpgradeVm;
let end: UpgradeLab['end'] | undefined;
let count = 0;

before(async () => {
  ({ lab, repository, machine, end } = await startUpgradeLab({ name: 'upgrade-kills' }));
  await machine.machine.writeFile(
    '/etc/systemd/system/smm-agent.service.d/test.conf',
    `[Service]\nEnvironmentFile=-${KILL}\n`,
  );
  await machine.machine.sh('systemctl daemon-reload; systemctl enable -q istio');
});
after(() => end?.());

async function running(): Promise<string> {
  return (await machine.vm.until('a status', () => true)).agent.version;
}

/** The next version, not announced yet. */
async function publishNext(build: Parameters<AgentRepository['publish']>[1] = {}): Promise<string> {
  count += 1;
  const version = `0.3.${count}`;
  await repository.publish(version, build);
  return version;
}

/** A process that starts from now on is ended at the point. */
function arm(point: string, by = 'SIGKILL'): Promise<void> {
  return machine.machine.writeFile(KILL, `SMM_TEST_KILL_AT=${point}\nSMM_TEST_KILL_BY=${by}\n`);
}

async function untilKilled(point: string, cursor: number): Promise<void> {
  const killed = (line: string) => line.includes('status=9/KILL') || line.includes(`killed at ${point}`);
  await until(`${point} to be passed`, async () => (await machine.since(cursor)).some(killed), TWO_MINUTES_MS);
  await machine.machine.sh(`rm -f ${KILL}`);
}

/** Announces the version, and waits until a process that starts after this call is killed at the point. */
async function killedAt(point: string, version: string): Promise<void> {
  const cursor = await machine.cursor();
  await announce(lab, version);
  await machine.reconcile();
  await untilKilled(point, cursor);
}

async function assertConfirmed(version: string): Promise<void> {
  await machine.confirmed(version);
  const last = (await machine.history()).findLast(({ what }) => what === 'agent');
  assert.deepEqual([last?.result, last?.to], ['confirmed', version]);
  await assertSettled(version);
}

async function assertPutBack(version: string, before: string, reason: RegExp): Promise<void> {
  await machine.putBack(version, before);
  const last = (await machine.history()).findLast(({ what }) => what === 'agent');
  assert.deepEqual([last?.result, last?.from, last?.to], ['put back', version, before]);
  assert.match(last?.reason ?? '', reason);
  await machine.said(new RegExp(`${version} was rejected`));
  await assertSettled(before);
}

/** Nothing half made is left, and the links say what runs. */
async function assertSettled(version: string): Promise<void> {
  const { machine: guest } = machine;
  assert.equal(await guest.sh('readlink /opt/smm-agent/current'), `versions/${version}\n`);
  assert.equal(await guest.sh(`ls ${PROBATION} 2>/dev/null || :`), '');
  const leftovers = () =>
    guest.sh("find /opt/smm-agent /var/lib/smm-agent -name '.*new*' -o -name '.trash*' -o -name '*.new'");
  await until('nothing half made to be left', leftovers, TWO_MINUTES_MS, (names) => names === '');
  await machine.assertIstioUntouched();
}

describe('an old version that is killed while it upgrades itself', () => {
  for (const point of UPGRADE_CHECKPOINTS) {
    it(`at ${point}, is upgraded all the same`, async () => {
      const runtime = `24.90.${count}`;
      if (NEW_RUNTIME.test(point)) await repository.publishRuntime(runtime);
      const version = await publishNext(NEW_RUNTIME.test(point) ? { runtime } : {});
      await arm(point);
      await machine.machine.sh('systemctl restart smm-agent');
      await killedAt(point, version);
      await assertConfirmed(version);
    });
  }
});

describe('a new version that is killed', () => {
  for (const point of CONFIRMATION_CHECKPOINTS) {
    it(`at ${point}, ${CONFIRMED.has(point) ? 'stays' : 'is rolled back: an unrequested end is a failure'}`, async () => {
      const before = await running();
      const version = await publishNext();
      await arm(point);
      await killedAt(point, version);
      if (CONFIRMED.has(point)) await assertConfirmed(version);
      else await assertPutBack(version, before, /\(signal, killed KILL\)/);
    });
  }
});

describe('the scripts around a version on probation, killed', () => {
  for (const point of TRIAL_POINTS) {
    it(`at ${point}, let it start, and watch over it`, async () => {
      const version = await publishNext();
      await arm(point, 'KILL');
      await killedAt(point, version);
      await assertConfirmed(version);
    });
  }

  for (const point of TRIAL_END_POINTS) {
    it(`at ${point} of an operator's restart, let it start again`, async () => {
      const version = await onProbation();
      const cursor = await machine.cursor();
      await arm(point, 'KILL');
      await machine.machine.exec(['systemctl', 'restart', 'smm-agent']);
      await untilKilled(point, cursor);
      await machine.machine.sh(`iptables -D OUTPUT ${API}`);
      await assertConfirmed(version);
    });
  }

  for (const point of AGENT_PUT_BACK_POINTS) {
    it(`at ${point}, roll it back with the next start`, async () => {
      const before = await running();
      const version = await publishNext({ prefix: exits(1) });
      await arm(point, 'KILL');
      await killedAt(point, version);
      await assertPutBack(version, before, /\(exit-code, exited 1\)/);
    });
  }

  for (const point of DEADLINE_POINTS) {
    it(`at ${point} of its deadline, roll it back, or leave it in place where it is not to blame`, async () => {
      const before = await running();
      const isToBlame = point !== 'agent-deadline-prolonged';
      const version = isToBlame ? await idles() : await onProbation();
      await machine.vm.until('its first turn', ({ agent }) => isToBlame || agent.version === version);
      // As if it had been started at the machine's boot.
      const run = `id=$(sed -n s/^id=//p ${PROBATION}); sed -i s/^deadline=.*/deadline=50/ ${PROBATION}
        sed -i s/^uptime=.*/uptime=0/ /run/smm-agent/agent-trial
        SMM_TEST_KILL_AT=${point} setsid --wait /opt/smm-agent/bin/agent-deadline $id 50`;
      const { stderr, status } = await machine.machine.exec(['sh', '-c', run], { timeoutMs: TWO_MINUTES_MS });
      assert.notEqual(status, 0, stderr);
      if (isToBlame) {
        await assertPutBack(version, before, /it completed no turn within 50 s/);
      } else {
        await machine.machine.sh(`iptables -D OUTPUT ${API}`);
        await assertConfirmed(version);
      }
    });
  }

  /** A version that is fine, and cannot reach the control plane. */
  async function onProbation(): Promise<string> {
    const version = await publishNext();
    await machine.machine.writeFile(
      '/run/systemd/system/smm-agent.service.d/cut-off.conf',
      `[Service]\nExecStartPre=+/bin/sh -c '[ ! -e ${PROBATION} ] || iptables -C OUTPUT ${API} || iptables -I OUTPUT ${API}'\n`,
    );
    await machine.machine.sh('systemctl daemon-reload');
    await announce(lab, version);
    await machine.reconcile();
    await machine.vm.until(
      'a turn on probation',
      ({ upgrade, agent }) => agent.version === version && upgrade?.state === 'probation',
    );
    await machine.machine.sh('rm -r /run/systemd/system/smm-agent.service.d; systemctl daemon-reload');
    return version;
  }

  async function idles(): Promise<string> {
    const version = await publishNext({ prefix: IDLES_AFTER_READY });
    const cursor = await machine.cursor();
    await announce(lab, version);
    await machine.reconcile();
    const started = async () =>
      (await machine.since(cursor)).some((line) => line.startsWith('Started smm-agent.service'));
    await until('it to be ready', started, TWO_MINUTES_MS);
    return version;
  }
});

describe('a machine whose power is cut while its agent is upgraded', () => {
  const AGENT_POINTS = [
    'agent-version-placed',
    'agent-probation-written',
    'agent-current-linked',
    'agent-previous-linked',
    'agent-restart-due',
    'agent-started',
    'agent-ready',
    'agent-turn-reported',
    'agent-history-written',
    'agent-probation-ended',
  ] as const;
  const isOldOnes = (point: string) => (UPGRADE_CHECKPOINTS as readonly string[]).includes(point);

  for (const point of AGENT_POINTS) {
    it(`at ${point}, comes up and is upgraded`, async () => {
      const version = await publishNext();
      await arm(point, 'SIGSTOP');
      if (isOldOnes(point)) await machine.machine.sh('systemctl restart smm-agent');
      await cutAt(version);
      await assertConfirmed(version);
    });
  }

  for (const point of [...TRIAL_POINTS, 'agent-rejected', 'agent-switched-back', 'agent-evidence-kept'] as const) {
    const isBad = !(TRIAL_POINTS as readonly string[]).includes(point);
    it(`at ${point}, comes up and ${isBad ? 'rolls it back' : 'is upgraded'}`, async () => {
      const before = await running();
      const version = await publishNext(isBad ? { prefix: exits(1) } : {});
      await arm(point, 'STOP');
      await cutAt(version);
      if (isBad) await assertPutBack(version, before, /\(exit-code, exited 1\)/);
      else await assertConfirmed(version);
    });
  }

  /** Announces the version, and cuts the power once a process has stopped at the point. */
  async function cutAt(version: string): Promise<void> {
    await announce(lab, version);
    const asking = machine.reconcile().catch(() => undefined);
    const stopped = () => machine.machine.sh("ps -eo stat,args | grep '^T' || :");
    await until('a process to stop at the point', stopped, TWO_MINUTES_MS);
    await machine.machine.cutPower();
    await asking;
    await machine.machine.start();
    const { vm } = machine;
    // Nothing on a machine renews it, and /var/run is empty after a boot.
    const token = await lab.kube.mintToken(vm.namespace, vm.group, { audience: 'istio-ca' });
    await machine.machine.writeFile('/var/run/secrets/tokens/istio-token', token);
    await untilServing(lab, vm.machine, { group: vm.group, namespace: vm.namespace, revision: 'default' });
    await machine.noteIstio();
  }
});
