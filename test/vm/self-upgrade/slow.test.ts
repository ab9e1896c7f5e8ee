/**
 * Bad versions that take their time to show it, and versions that are not to blame: each on a machine of its own, all
 * of them waiting at the same time, since a probation lasts for the better part of a minute.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { packageJson } from '../../../scripts/project.ts';
import type { Lab } from '../lab/lab.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { until } from '../lab/until.ts';
import { assertInOrder } from './in-order.ts';
import * as bad from './misbehaviour.ts';
import { AgentRepository } from './repository.ts';
import { announce, TWO_MINUTES_MS, UpgradeVm } from './upgrade-vm.ts';

const GOOD = packageJson().version;
const NEXT = '0.3.0';
const API = '-p tcp --dport 6443 -j DROP';
/** From the first start of the version on probation on, the control plane cannot be reached from this machine. */
const CUT_OFF = `[Service]
ExecStartPre=+/bin/sh -c '[ ! -e /var/lib/smm-agent/agent/probation ] || iptables -I OUTPUT ${API}'
`;

interface Case {
  does: string;
  prefix?: string;
  /** Reason of the rejection; without it the version is confirmed in the end. */
  reason?: RegExp;
  events: RegExp[];
  /** The control plane goes away with the first start, and comes back when this returns. */
  backAgain?: (machine: UpgradeVm) => Promise<void>;
}

const CASES: Case[] = [
  {
    does: 'hangs before READY',
    prefix: bad.HANGS_BEFORE_READY,
    reason: /it ended by itself [3-9]\d s after its start \(timeout, killed TERM\)/,
    events: [/start operation timed out/, /rolled back smm-agent/],
  },
  {
    does: 'hangs after READY',
    prefix: bad.HANGS_AFTER_READY,
    reason: /it ended by itself [3-9]\d s after its start \(watchdog, (killed|dumped) ABRT\)/,
    events: [/Started smm-agent\.service/, /Watchdog timeout/, /rolled back smm-agent/],
  },
  {
    does: 'spins',
    prefix: bad.SPINS,
    reason: /it ended by itself [3-9]\d s after its start \(watchdog, (killed|dumped) ABRT\)/,
    events: [/Started smm-agent\.service/, /Watchdog timeout/, /rolled back smm-agent/],
  },
  {
    does: 'feeds its watchdog and does no work',
    prefix: bad.IDLES_AFTER_READY,
    reason: /it completed no turn within 50 s of its start/,
    events: [/Started smm-agent\.service/, /Stopping smm-agent\.service/, /rolled back smm-agent .*completed no turn/],
  },
  {
    does: 'finds the configuration wrong that the version before finds right',
    prefix: bad.refusesConfigurationOnceCurrent(NEXT),
    reason: /it does not accept the configuration, but 0\.2\.0 does/,
    events: [/misconfigured: .*unheardOf/, /Stopping smm-agent\.service/, /rolled back smm-agent .*configuration/],
  },
  {
    does: 'cannot reach the control plane while the version before can',
    prefix: bad.cannotConnectOnceCurrent(NEXT),
    reason: /it does not reach the control plane, but 0\.2\.0 does/,
    events: [
      /the control plane names no Istio: .*cannot connect/,
      /Stopping smm-agent\.service/,
      /rolled back smm-agent .*control plane/,
    ],
  },
  {
    does: 'cannot reach a control plane that no version can reach',
    events: [
      /the control plane names no Istio: /,
      /waits for the control plane, and is not to blame: its probation is extended/,
      /is confirmed/,
    ],
    backAgain: async (machine) => {
      await machine.vm.until(
        'the probation to be extended',
        ({ upgrade }) => (upgrade?.probation?.prolonged ?? 0) > 0,
        TWO_MINUTES_MS,
      );
    },
  },
  {
    does: 'meets a control plane that comes back between two of the tries that compare it',
    events: [
      /the control plane names no Istio: /,
      /waits for the control plane, and is not to blame: its probation is extended/,
      /is confirmed/,
    ],
    backAgain: async (machine) => {
      // The first try is that of the version itself, the second that of the version before.
      await machine.machine.sh(`until pgrep -f '[v]ersions/${GOOD}/smm-agent.js self-check'; do sleep 0.1; done`, {
        timeoutMs: TWO_MINUTES_MS,
      });
      // Else it might be confirmed by a turn of its own before the comparison is over.
      await machine.machine.sh('systemctl kill --kill-whom=main --signal=STOP smm-agent');
    },
  },
];

describe('a version of the agent on probation', { concurrency: true }, () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let honest: AgentRepository;
  const machines: { machine: UpgradeVm; repository: AgentRepository; cursor: number }[] = [];

  before(async () => {
    ({ lab, end } = await startOwnLab());
    honest = await AgentRepository.make(lab);
    const make = async (index: number) => {
      const { prefix = '', backAgain } = CASES[index] as Case;
      const repository = await honest.twin();
      await repository.publish(NEXT, { prefix });
      const machine = await UpgradeVm.make(lab, repository, { name: `slow-${index}` });
      if (backAgain !== undefined) {
        await machine.machine.writeFile('/etc/systemd/system/smm-agent.service.d/cut-off.conf', CUT_OFF);
        await machine.machine.sh('systemctl daemon-reload');
      }
      machines[index] = { machine, repository, cursor: await machine.cursor() };
    };
    // As many as there are cores.
    for (let index = 0; index < CASES.length; index += 2) await Promise.all([make(index), make(index + 1)]);
    await announce(lab, NEXT);
    await Promise.all(machines.map(({ machine }) => machine.reconcile()));
  });
  after(async () => {
    for (const { machine, repository } of machines) {
      await machine.vm.end();
      await repository.stop();
    }
    await honest?.stop();
    await end?.();
  });

  for (const [index, { does, reason, events, backAgain }] of CASES.entries()) {
    it(`that ${does} ${reason === undefined ? 'is confirmed once it can' : 'is rolled back'}`, async () => {
      const { machine, cursor } = machines[index] as (typeof machines)[number];
      if (backAgain !== undefined) {
        await backAgain(machine);
        await machine.machine.sh(`iptables -D OUTPUT ${API}`);
        const isCompared = async () => (await machine.since(cursor)).some((line) => /is not to blame/.test(line));
        await until('the comparison to be over', isCompared, TWO_MINUTES_MS);
        await machine.machine.sh('systemctl kill --kill-whom=main --signal=CONT smm-agent');
      }
      const status = await (reason === undefined ? machine.confirmed(NEXT) : machine.putBack(NEXT, GOOD));
      const lines = await machine.since(cursor);
      assertInOrder(lines, [new RegExp(`version ${NEXT} starts on probation`), ...events]);
      const last = (await machine.history()).findLast(({ what }) => what === 'agent');
      if (reason === undefined) {
        assert.deepEqual([last?.result, last?.to], ['confirmed', NEXT]);
      } else {
        assert.deepEqual([last?.result, last?.from, last?.to], ['put back', NEXT, GOOD]);
        assert.match(last?.reason ?? '', reason);
        assert.match((await machine.said(new RegExp(`wanted ${NEXT}`))).message, /rejected/);
      }
      assert.equal(status.upgrade?.probation, null);
      await machine.assertIstioUntouched();
    });
  }
});
