/**
 * The clock of a machine, set forward and back across everything that has an end: signatures of the repository, the
 * wait after a failed try, the time of a probation, the time of a rejection. The certificates of the lab are valid for
 * a week from its beginning, and no test leaves that week.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { packageJson } from '../../../scripts/project.ts';
import type { Lab } from '../lab/lab.ts';
import { assertInOrder } from './in-order.ts';
import { exits, IDLES_AFTER_READY } from './misbehaviour.ts';
import { giveOwnClock, setClock, writeClock } from './own-clock.ts';
import type { AgentRepository } from './repository.ts';
import { startUpgradeLab, type UpgradeLab } from './upgrade-lab.ts';
import { announce, TWO_MINUTES_MS, type UpgradeVm } from './upgrade-vm.ts';

const SHIPPED = packageJson().version;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Tolerance when two times are compared: a test waits between them. */
const NEAR_MS = 5 * MINUTE_MS;
/** Answered at once: a version that cannot reach the control plane makes a turn at each poll. */
const API = '-p tcp --dport 6443 -j REJECT --reject-with tcp-reset';
const PROBATION = '/var/lib/smm-agent/agent/probation';
/** Which probation the last start was of. */
const TRIAL = '/run/smm-agent/agent-trial';

let lab: Lab;
let repository: AgentRepository;
let machine: UpgradeVm;
let end: UpgradeLab['end'] | undefined;

before(async () => {
  ({ lab, repository, machine, end } = await startUpgradeLab({
    name: 'clock',
    expires: { timestamp: '5d' },
    prepare: giveOwnClock,
  }));
});
after(() => end?.());

const sh = (script: string) => machine.machine.sh(script);
const set = (aheadMs: number) => setClock(machine, aheadMs);

async function announced(version: string, build?: Parameters<AgentRepository['publish']>[1]): Promise<void> {
  await repository.publish(version, build);
  await announce(lab, version);
  await machine.reconcile();
}

/** The time is about `aheadMs` after that of the machine. */
function assertAhead(time: string | undefined, aheadMs: number, said = ''): void {
  const offMs = Date.parse(time ?? '') - Date.now() - aheadMs;
  assert.ok(Math.abs(offMs) < NEAR_MS, `${time} is not ${aheadMs} ms ahead ${said}`);
}

describe('a clock that is set forward beyond the end of a signature', () => {
  it('keeps the agent from upgrading itself, which says whose end it was and what the clock says', async () => {
    await set(6 * DAY_MS);
    await announced('0.2.1');
    const { agent, upgrade } = await machine.vm.until('it to fail', (now) => now.upgrade?.state === 'failing');
    const said = upgrade?.reason ?? '';
    const ends = /its timestamp\.json expired at (\S+), and the clock of this machine says (\S+);/.exec(said);
    assertAhead(ends?.[1], 5 * DAY_MS, said);
    assertAhead(ends?.[2], 6 * DAY_MS, said);
    assert.equal(agent.version, SHIPPED);
    await machine.said(
      /\(wanted 0\.2\.1: failing\).*timestamp\.json expired at \S+, and the clock of this machine says/,
    );
    assert.match(await machine.vm.journal(), /timestamp\.json expired .* remedy="check the clock \(timedatectl\)/);
    await machine.assertIstioUntouched();
  });

  it('and then back, lets it at once: the next try was noted for a time that is days away', async () => {
    await set(0);
    await machine.confirmed('0.2.1');
    await machine.assertIstioUntouched();
  });
});

describe('a clock that is set during a probation', () => {
  it('moves no deadline, and does not reject the version', async () => {
    await set(DAY_MS);
    const dropIn = '/run/systemd/system/smm-agent.service.d/cut-off.conf';
    const cutOff = `ExecStartPre=+/bin/sh -c '[ ! -e ${PROBATION} ] || iptables -I OUTPUT ${API}'`;
    await machine.machine.writeFile(dropIn, `[Service]\n${cutOff}\n`);
    await sh('systemctl daemon-reload');
    const cursor = await machine.cursor();
    await announced('0.2.2');
    await machine.vm.until('it to be on probation', ({ upgrade }) => upgrade?.state === 'probation');
    const deadline = () => sh(`sed -n s/^deadline=//p ${PROBATION}`);
    const before = await deadline();
    for (const aheadMs of [0, 4 * DAY_MS, 0]) {
      await set(aheadMs);
      assert.equal((await machine.vm.status())?.upgrade?.state, 'probation');
    }
    assert.equal(await deadline(), before);
    await sh(`rm ${dropIn}; systemctl daemon-reload; iptables -D OUTPUT ${API}`);
    await machine.confirmed('0.2.2');
    assert.deepEqual(
      (await machine.since(cursor)).filter((line) => /rolled back smm-agent|prolonged|extended/.test(line)),
      [],
    );
    await machine.assertIstioUntouched();
  });

  it('gives no version more time that does no work', async () => {
    await set(DAY_MS);
    const cursor = await machine.cursor();
    await announced('0.2.3', { prefix: IDLES_AFTER_READY });
    const id = (file: string) => `"$(sed -n s/^id=//p ${file} 2>/dev/null || :)"`;
    await sh(`until [ -e ${PROBATION} ] && [ ${id(PROBATION)} = ${id(TRIAL)} ] && systemctl is-active smm-agent; do
      sleep 0.1
    done`);
    await writeClock(machine.machine, 0);
    await machine.putBack('0.2.3', '0.2.2');
    assertInOrder(await machine.since(cursor), [
      /^Started smm-agent/,
      /rolled back smm-agent .* completed no turn within 50 s/,
    ]);
    await machine.assertIstioUntouched();
  });
});

describe('a version that was rejected', () => {
  const BAD = '0.3.0';
  const tries = async () => (await machine.history()).filter(({ from }) => from === BAD).length;
  /** When it is tried again, as the status says. */
  const retryAt = async () => {
    await machine.putBack(BAD, '0.2.2');
    const { upgrade } = await machine.vm.reconciled();
    return /not tried again before (\S+)/.exec(upgrade?.reason ?? '')?.[1];
  };
  /** For so long from the clock of now on it is not tried, and then it is. */
  async function assertHolds(forMs: number, nowMs: number): Promise<void> {
    const at = await retryAt();
    const before = await tries();
    assertAhead(at, nowMs + forMs);
    const untilMs = Date.parse(at ?? '') - Date.now();
    await set(untilMs - NEAR_MS);
    assert.deepEqual([await retryAt(), await tries()], [at, before]);
    const cursor = await machine.cursor();
    await set(untilMs + MINUTE_MS);
    await machine.vm.until(
      'it to be tried again',
      ({ upgrade }) => !(upgrade?.reason ?? '').includes(at ?? ''),
      TWO_MINUTES_MS,
    );
    await retryAt();
    assertInOrder(await machine.since(cursor), [
      new RegExp(`^upgrading: smm-agent ${BAD}`),
      /rolled back smm-agent 0\.3\.0 to 0\.2\.2/,
    ]);
    assert.equal(await tries(), before + 1);
    await machine.assertIstioUntouched();
  }

  it('is tried again when its day is over by the clock, and not before', async () => {
    await announced(BAD, { prefix: exits(1) });
    await assertHolds(DAY_MS, 0);
  });

  it('waits for twice as long from then on', async () => {
    await assertHolds(2 * DAY_MS, DAY_MS);
  });

  it('waits no longer than that when the clock is set back to before it was tried', async () => {
    await set(0);
    await assertHolds(4 * DAY_MS, 0);
    assert.equal(await tries(), 4);
  });
});
