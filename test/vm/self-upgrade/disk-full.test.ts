/**
 * Disks that are full, to the byte and to the inode: before the agent upgrades itself, and from each named point of the
 * upgrade on. The agent's folders are small file systems of their own here. At each point, a version works and says
 * that the disk is full. Once there is room, the upgrade goes on. Istio is never touched.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import {
  CONFIRMATION_CHECKPOINTS,
  RELEASE_CHECKPOINTS,
  REPOSITORY_CHECKPOINTS,
  UPGRADE_CHECKPOINTS,
} from '../../../src/host/files/checkpoints.ts';
import type { Status } from '../../../src/status/status.ts';
import { AGENT_PUT_BACK_POINTS, TRIAL_POINTS } from '../../systemd/kill-points.ts';
import type { Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';
import { exits, IDLES_AFTER_READY } from './misbehaviour.ts';
import type { AgentRepository } from './repository.ts';
import { DISKS, leave, makeRoom, mountDisks, type Room } from './small-disks.ts';
import { startUpgradeLab, type UpgradeLab } from './upgrade-lab.ts';
import { announce, TWO_MINUTES_MS, type UpgradeVm } from './upgrade-vm.ts';

const KILL = '/run/smm-test-kill';
const NEXT_RUNTIME = '24.90.0';
/** In the words of the agent, of its scripts and of what they run. */
const FULL = /the file system is full|(MB|inodes) are needed and .* are free|No space left on device/;
/** Between each of these and the next point, or after it, nothing is written to these disks. */
const WRITES_NOTHING: ReadonlySet<string> = new Set([
  'agent-version-placed',
  'agent-started',
  'agent-version-forgotten',
]);
/** Passed by the old version, nearly in this order. */
const OLD_POINTS = [
  ...REPOSITORY_CHECKPOINTS,
  ...RELEASE_CHECKPOINTS.filter((point) => point.startsWith('download-')),
  ...UPGRADE_CHECKPOINTS,
].filter((point) => !WRITES_NOTHING.has(point));
const NEW_POINTS = [...CONFIRMATION_CHECKPOINTS, ...TRIAL_POINTS].filter((point) => !WRITES_NOTHING.has(point));
/** Points from which on the disk is full for a version that must be rolled back. */
const BAD_POINTS = ['agent-current-linked', 'agent-previous-linked', 'agent-trial-begun', ...AGENT_PUT_BACK_POINTS];
const isOldOnes = (point: string) => (OLD_POINTS as readonly string[]).includes(point);
const isScripts = (point: string) => ([...TRIAL_POINTS, ...AGENT_PUT_BACK_POINTS] as string[]).includes(point);
/** Ways to be full, in turn. */
const NOTHING: readonly Room[] = [{ bytes: 0, inodes: 0 }, { bytes: 0 }, { inodes: 0 }];

let lab: Lab;
let repository: AgentRepository;
let machine: UpgradeVm;
let end: UpgradeLab['end'] | undefined;
let count = 0;

before(async () => {
  ({ lab, repository, machine, end } = await startUpgradeLab({ name: 'disk-full', prepare: mountDisks }));
  await machine.machine.writeFile(
    '/etc/systemd/system/smm-agent.service.d/test.conf',
    `[Service]\nEnvironmentFile=-${KILL}\n`,
  );
  await sh('systemctl daemon-reload');
});
// After a failed test as well, the next test begins with room.
afterEach(() => makeRoom(machine.machine));
after(() => end?.());

const sh = (script: string) => machine.machine.sh(script);
const running = async () => (await machine.vm.until('a status', () => true)).agent.version;
const isFull = ({ agent, upgrade, warnings }: Status) => FULL.test([agent.reason, upgrade?.reason, ...warnings].join());
const isConfirmed = ({ agent, upgrade }: Status, version: string) =>
  agent.version === version && upgrade?.state === 'current';

/** The next version, not announced yet. */
async function publishNext(build: Parameters<AgentRepository['publish']>[1] = {}): Promise<string> {
  count += 1;
  const version = `0.3.${count}`;
  await repository.publish(version, build);
  return version;
}

/** Announces the version, and fills the disks at the point: the process there is stopped until the disks are full. */
async function fullFrom(point: string, version: string, room: Room): Promise<void> {
  const by = isScripts(point) ? 'STOP' : 'SIGSTOP';
  await machine.machine.writeFile(KILL, `SMM_TEST_KILL_AT=${point}\nSMM_TEST_KILL_BY=${by}\n`);
  if (isOldOnes(point)) await sh('systemctl restart smm-agent');
  await announce(lab, version);
  const asking = machine.reconcile();
  const stopped = "ps -eo pid,stat | awk '$2 ~ /^T/ { print $1 }'";
  await until('a process to stop at the point', () => sh(stopped), TWO_MINUTES_MS);
  await leave(machine.machine, DISKS, room);
  await sh(`rm ${KILL}; kill -CONT $(${stopped})`);
  await asking;
}

/**
 * Waits until the version is confirmed, or the agent says that it cannot for want of room. What `current` names can
 * start.
 */
async function triedOnFullDisk(version: string, cursor: number): Promise<Status> {
  const what = `${version} to be confirmed, or the disk to be full`;
  const status = await machine.vm.until(what, (now) => isConfirmed(now, version) || isFull(now), TWO_MINUTES_MS);
  if (!isConfirmed(status, version)) {
    const lines = await machine.since(cursor);
    assert.ok(
      lines.some((line) => FULL.test(line) && /make room/.test(line)),
      lines.join('\n'),
    );
  }
  assert.equal(
    await sh('cd /opt/smm-agent/current; [ -s smm-agent.js ] && [ -x node/bin/node ] && echo whole'),
    'whole\n',
  );
  return status;
}

/** Makes room, and sees to it that everything goes its way then. */
async function confirmedWithRoom(version: string): Promise<void> {
  await makeRoom(machine.machine);
  // What it makes is looked at below: where the agent is starting just now, it leaves its turn to that one.
  await machine.machine.exec(['smm-agent', 'retry']);
  await machine.confirmed(version);
  const last = (await machine.history()).findLast(({ what }) => what === 'agent');
  assert.deepEqual([last?.result, last?.to], ['confirmed', version]);
  await assertSettled(version);
}

/** Nothing half made is left, and Istio has not noticed. */
async function assertSettled(version: string): Promise<void> {
  assert.equal(await sh('readlink /opt/smm-agent/current'), `versions/${version}\n`);
  const leftovers = () =>
    sh("find /opt/smm-agent /var/lib/smm-agent -name '.*new*' -o -name '.trash*' -o -name '*.new' -o -name probation");
  await until('nothing half made to be left', leftovers, TWO_MINUTES_MS, (names) => names === '');
  await machine.assertIstioUntouched();
}

describe('an agent that is to upgrade itself on a full disk', () => {
  const rooms: Room[] = [{ bytes: 0 }, { inodes: 0 }, { bytes: 4096 }, { inodes: 1 }, { inodes: 3 }, { bytes: 65_536 }];
  for (const disk of DISKS) {
    it(`says what ${disk} lacks for as long as it does, and works`, async () => {
      let version = await publishNext();
      for (const room of rooms) {
        await leave(machine.machine, [disk], room);
        const cursor = await machine.cursor();
        await announce(lab, version);
        await machine.machine.exec(['smm-agent', 'retry']);
        const status = await triedOnFullDisk(version, cursor);
        if (isConfirmed(status, version)) {
          assert.ok(!Object.values(room).includes(0), 'with nothing free nothing can come of it');
          version = await publishNext();
        }
      }
      await announce(lab, version);
      await confirmedWithRoom(version);
    });
  }

  it('says that there is room for the version, and none for its Node', async () => {
    await repository.publishRuntime(NEXT_RUNTIME);
    const version = await publishNext({ runtime: NEXT_RUNTIME });
    const cursor = await machine.cursor();
    await leave(machine.machine, ['/opt/smm-agent'], { bytes: 60_000_000 });
    await announce(lab, version);
    await machine.reconcile();
    const { upgrade } = await triedOnFullDisk(version, cursor);
    assert.match(upgrade?.reason ?? '', /of \/opt\/smm-agent\/runtimes: \d+\.\d MB are needed and \d+\.\d MB are free/);
    await confirmedWithRoom(version);
  });
});

describe('a disk that is full from a point of an upgrade on', () => {
  for (const [index, point] of [...OLD_POINTS, ...NEW_POINTS].entries()) {
    it(`(${point}) leaves a version that works, and a good one is confirmed`, async () => {
      // No recent version names that Node, so it was deleted and is unpacked again.
      const version = await publishNext(point === 'agent-runtime-unpacked' ? { runtime: NEXT_RUNTIME } : {});
      const cursor = await machine.cursor();
      await fullFrom(point, version, NOTHING[index % NOTHING.length] ?? {});
      await triedOnFullDisk(version, cursor);
      await confirmedWithRoom(version);
    });
  }

  for (const [index, point] of BAD_POINTS.entries()) {
    it(`(${point}) does not prevent the rollback of a bad version, once and for all`, async () => {
      const before = await running();
      const version = await publishNext({ prefix: exits(1) });
      const cursor = await machine.cursor();
      await fullFrom(point, version, NOTHING[index % NOTHING.length] ?? {});
      await assertPutBack(version, before, cursor, /it ended by itself \d+ s after its start/);
    });
  }

  it('does not prevent the rollback of a version that does no work', async () => {
    const before = await running();
    const version = await publishNext({ prefix: IDLES_AFTER_READY });
    const cursor = await machine.cursor();
    await fullFrom('agent-restart-due', version, { bytes: 0, inodes: 0 });
    await assertPutBack(version, before, cursor, /it completed no turn within 50 s of its start/);
  });

  /** Rolled back on the full disk, and told in all views once there is room. */
  async function assertPutBack(version: string, before: string, cursor: number, reason: RegExp): Promise<void> {
    await machine.putBack(version, before);
    await machine.vm.reconciled();
    const lines = await machine.since(cursor);
    assert.ok(
      lines.some((line) => FULL.test(line)),
      lines.join('\n'),
    );
    assert.equal(lines.filter((line) => line.includes(`version ${version} starts on probation: `)).length, 1);
    await makeRoom(machine.machine);
    await machine.vm.reconciled();
    const last = (await machine.history()).findLast(({ what }) => what === 'agent');
    assert.deepEqual([last?.result, last?.from, last?.to], ['put back', version, before]);
    assert.match(last?.reason ?? '', reason);
    await machine.said(new RegExp(`${version} was rejected`));
    await assertSettled(before);
  }
});
