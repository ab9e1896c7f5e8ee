import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentMachine, NEW, NOW, OLD } from './agent-machine.ts';
import { TRIAL_POINTS } from './kill-points.ts';

const LATE = NOW + 51;
const RELOAD = 'systemctl reload --no-block smm-agent.service';

/** NEW is ready and has completed a turn, in which only `lacks` was missing. */
function lacking(lacks: string): AgentMachine {
  return AgentMachine.onTrial().turn(lacks).clock(LATE).program('sleep', ':');
}

describe('agent-deadline, when the version on probation has completed no turn', () => {
  it('rolls back the version and restarts the agent', () => {
    using machine = AgentMachine.onTrial().clock(LATE);
    const { stderr } = machine.deadline();
    assert.match(stderr, /0\.3\.0 failed its probation: it completed no turn within 50 s of its start/);
    assert.deepEqual(machine.restarts(), ['systemctl restart --no-block smm-agent.service']);
    assert.match(
      machine.guard('start').stderr,
      /rolled back smm-agent 0\.3\.0 to 0\.2\.0: it completed no turn within 50 s of its start/,
    );
    assert.equal(machine.named('current'), OLD);
    assert.equal(machine.evidence(NEW), 'the last words\n');
  });

  it('does not count a turn that an earlier start has completed', () => {
    using machine = AgentMachine.onTrial().turn('control-plane', 'i-0').clock(LATE);
    machine.deadline();
    assert.equal(machine.noted(`rejected/${NEW}`, 'probation'), 'abcd0123');
  });

  for (const point of TRIAL_POINTS) {
    it(`rolls back the version even if the guard was killed at ${point} when that version started`, () => {
      using machine = AgentMachine.onProbation();
      machine.run('agent-guard', ['start'], { INVOCATION_ID: 'i-1', SMM_TEST_KILL_AT: point });
      machine.clock(LATE).deadline();
      machine.guard('start', { invocation: 'i-2' });
      assert.equal(machine.named('current'), OLD);
    });
  }

  it('restarts before it rejects: after a kill in between, the next start is on probation too, and rolled back', () => {
    using machine = AgentMachine.onTrial().clock(LATE);
    machine.deadline(NOW + 50, { killAt: 'agent-deadline-restart-asked' });
    assert.equal(machine.restarts().length, 1);
    machine.answer('jobs', '1 smm-agent.service restart running\n').guard('ended', { result: 'success', status: '0' });
    machine.guard('start', { invocation: 'i-2' });
    assert.equal(machine.noted('probation', 'deadline'), String(LATE + 50));
    machine.clock(LATE + 51).deadline(LATE + 50);
    machine.guard('start', { invocation: 'i-3' });
    assert.equal(machine.named('current'), OLD);
  });
});

// As for Istio (istio-put-back.test.ts): lxcfs has started, or ended, since the version started.
describe('agent-deadline, when /proc/uptime has changed since the version started', () => {
  for (const [what, uptime] of [
    ['jumped back', '12.00 1.00\n'],
    ['cannot be read', ''],
  ] as const) {
    it(`trusts the timer of systemd, and restarts the agent, when /proc/uptime ${what}`, () => {
      using machine = AgentMachine.onProbation().clock(8_640_000);
      machine.guard('start');
      machine.file('proc/uptime', uptime).deadline(8_640_050);
      assert.deepEqual(machine.restarts(), ['systemctl restart --no-block smm-agent.service']);
    });
  }
});

/** Nothing can be written below /var/lib, because every write begins with mkdir. */
function full(machine: AgentMachine): AgentMachine {
  return machine.program('mkdir', 'case "$*" in */var/lib/*) exit 1 ;; esac; exec /usr/bin/mkdir "$@"');
}

describe('agent-deadline, when the version was started on a full disk', () => {
  it('uses the deadline of the last start, although the file of the probation still has an earlier one', () => {
    for (const boot of ['boot-1', 'boot-0']) {
      using machine = full(AgentMachine.onProbation({ boot, deadline: boot === 'boot-1' ? NOW + 50 : 500_000 }));
      assert.match(
        machine.clock(NOW + 20).guard('start').stderr,
        /cannot record that smm-agent 0\.3\.0 starts on probation/,
      );
      machine.clock(NOW + 71).deadline(NOW + 70);
      assert.equal(machine.restarts().length, 1);
      assert.equal(machine.named('current'), OLD);
    }
  });

  it('rolls back at once when the rejection cannot be written, because the next start would not know of it', () => {
    using machine = full(AgentMachine.onTrial()).clock(LATE);
    machine.deadline();
    assert.deepEqual([machine.named('current'), machine.isOnProbation()], [OLD, false]);
  });

  it('extends a probation, and rolls back at the next deadline, as on a disk with room', () => {
    using machine = full(lacking('control-plane')).answer(NEW, '1\n1\n').answer(OLD, '1\n');
    machine.deadline();
    assert.match(machine.timers().at(-1) ?? '', /--on-active=100 .*agent-deadline abcd0123 1151$/);
    machine.answer(NEW, '1\n1\n1\n').answer(OLD, '0\n0\n').clock(1152).deadline(1151);
    assert.equal(machine.named('current'), OLD);
  });
});

describe('agent-deadline, when the version lacks only an answer of the control plane', () => {
  // The exit statuses of self-check --control-plane, 0 for an answer. The versions are asked in turn, the new one
  // first.
  const rows: { now: string; before: string; what: string; blamed: boolean; asked: number }[] = [
    {
      now: '1 1 1',
      before: '0 0',
      what: 'rolls back when the version before always gets an answer and the new version never does',
      blamed: true,
      asked: 5,
    },
    { now: '1', before: '1', what: 'extends when neither version gets an answer', blamed: false, asked: 2 },
    {
      now: '1 0',
      before: '0',
      what: 'extends when the new version gets an answer at its second try',
      blamed: false,
      asked: 3,
    },
    {
      now: '1 1',
      before: '0 1',
      what: 'extends when the version before gets an answer only at its first try',
      blamed: false,
      asked: 4,
    },
    {
      now: '1 1 0',
      before: '0 0',
      what: 'extends when the new version gets an answer at its third try',
      blamed: false,
      asked: 5,
    },
    { now: '0', before: '0', what: 'extends when the new version gets an answer at once', blamed: false, asked: 1 },
    { now: '69', before: '64', what: 'extends when the version before has no self-check', blamed: false, asked: 2 },
  ];
  const lines = (answers: string) => `${answers.replaceAll(' ', '\n')}\n`;
  for (const { now, before, what, blamed, asked } of rows) {
    it(what, () => {
      using machine = lacking('control-plane');
      machine.answer(NEW, lines(now)).answer(OLD, lines(before));
      machine.deadline();
      const checks = machine.calls().filter((call) => call.startsWith('node of'));
      assert.equal(checks.length, asked);
      assert.match(checks[0] ?? '', /^node of 0\.3\.0: --flag-of-its-own \S+ self-check --control-plane$/);
      assert.equal(machine.restarts().length, blamed ? 1 : 0);
      assert.deepEqual(
        machine.reloads(),
        now.endsWith('0') ? [RELOAD] : [],
        'the daemon is told that there is an answer now',
      );
      if (blamed) {
        assert.equal(machine.noted(`rejected/${NEW}`, 'reason'), 'it does not reach the control plane, but 0.2.0 does');
      } else {
        assert.equal(machine.noted('probation', 'deadline'), String(LATE + 100));
        assert.match(machine.timers().at(-1) ?? '', /--on-active=100 .*agent-deadline abcd0123 1151$/);
      }
    });
  }

  it('does nothing when the daemon confirms itself after the reload', () => {
    using machine = AgentMachine.onTrial({ extended: 2 }).turn('control-plane').clock(LATE);
    machine.program('sleep', `rm '${machine.at('var/lib/smm-agent/agent/probation')}'`);
    const { status } = machine.answer(NEW, '0\n0\n').deadline();
    assert.equal(status, 0);
    assert.deepEqual([machine.reloads(), machine.restarts(), machine.isOnProbation()], [[RELOAD], [], false]);
    assert.equal(machine.named('current'), NEW);
  });

  it('extends the probation even if the daemon cannot be reloaded', () => {
    using machine = lacking('control-plane').answer(NEW, '0\n').program('systemctl', 'exit 1');
    const { stderr } = machine.deadline();
    assert.match(stderr, /<4>.*cannot reload smm-agent 0\.3\.0/);
    assert.match(
      stderr,
      /0\.3\.0 waits for the control plane, and is not to blame: its probation is extended by 100 s/,
    );
    assert.equal(machine.noted('probation', 'extended'), '1');
  });

  it('asks the copy in the package when the version before is only there', () => {
    using machine = AgentMachine.onProbation({ from: '0.1.0' }).payload();
    machine.guard('start');
    machine.turn('control-plane').clock(LATE).answer(NEW, '1\n1\n1\n').deadline();
    assert.equal(machine.noted(`rejected/${NEW}`, 'reason'), 'it does not reach the control plane, but 0.1.0 does');
  });

  it('rolls back a version that completes no more turn after its probation was extended', () => {
    using machine = lacking('control-plane').answer(NEW, '1\n').answer(OLD, '1\n');
    machine.deadline();
    machine.clock(LATE + 101).deadline(LATE + 100);
    machine.guard('start', { invocation: 'i-2' });
    assert.equal(machine.named('current'), OLD);
    assert.match(machine.noted(`rejected/${NEW}`, 'reason') ?? '', /it completed no turn/);
  });

  for (const [what, extended, answers, blamed] of [
    ['rolls back at the third deadline when its self-check passes twice', 2, '0\n0\n', true],
    ['extends at the third deadline when its self-check passes only once', 2, '0\n1\n', false],
    ['extends at the second deadline although its self-check passes twice', 1, '0\n0\n', false],
  ] as const) {
    it(what, () => {
      using machine = AgentMachine.onTrial({ extended }).turn('control-plane').clock(LATE).program('sleep', ':');
      machine.answer(NEW, answers).deadline();
      const reason = machine.noted(`rejected/${NEW}`, 'reason');
      assert.equal(reason, blamed ? 'its self-check reaches the control plane, but its daemon does not' : null);
      assert.deepEqual(
        machine.reloads(),
        [RELOAD],
        'the daemon is reloaded before its self-check runs for the last time',
      );
      assert.equal(machine.restarts().length, blamed ? 1 : 0);
    });
  }

  it('extends the probation of a version that waits for the lock, however often', () => {
    using machine = AgentMachine.onTrial({ extended: 2 }).turn('lock').clock(LATE);
    machine.answer(NEW, '0\n').deadline();
    assert.equal(machine.noted(`rejected/${NEW}`, 'reason'), null);
    assert.equal(machine.noted('probation', 'extended'), '3');
    assert.equal(
      machine.noted('run/smm-agent/agent-turn', 'lacks'),
      'lock',
      'the turn that waits for the lock still counts',
    );
  });

  it('extends by twice as much each time, and by ten minutes at most', () => {
    using machine = lacking('control-plane');
    const waits: number[] = [];
    let at = NOW + 50;
    for (let round = 0; round < 12; round += 1) {
      machine.turn('control-plane').answer(NEW, '1\n1\n').answer(OLD, '1\n').deadline(at);
      const next = Number(machine.noted('probation', 'deadline'));
      waits.push(next - Math.max(at + 1, LATE));
      at = next;
      machine.clock(at + 1);
    }
    assert.deepEqual(waits, [100, 200, 400, ...Array.from({ length: 9 }, () => 600)]);
  });
});

describe('agent-deadline, when the version does not accept the configuration', () => {
  for (const [what, tries, blamed] of [
    ['rolls back when the version before accepts the configuration', ['78', '0'], true],
    ['extends when the version before does not accept the configuration either', ['78', '78'], false],
  ] as const) {
    it(what, () => {
      using machine = lacking('configuration');
      machine.answer(NEW, `${tries[0]}\n`.repeat(3)).answer(OLD, `${tries[1]}\n`.repeat(2));
      machine.deadline();
      assert.equal(machine.noted(`rejected/${NEW}`, 'probation'), blamed ? 'abcd0123' : null);
      assert.match(machine.calls().find((call) => call.startsWith('node of')) ?? '', / self-check$/);
    });
  }
});

describe('agent-deadline, when the configuration was repaired since the last turn', () => {
  it('reloads the daemon instead of restarting it', () => {
    using machine = lacking('configuration').answer(NEW, '0\n');
    machine.deadline();
    assert.deepEqual([machine.reloads(), machine.restarts()], [[RELOAD], []]);
  });
});

describe('agent-deadline, as a timer', () => {
  const unchanged = (machine: AgentMachine) => {
    assert.equal(machine.named('current'), NEW);
    assert.deepEqual([machine.restarts(), machine.noted(`rejected/${NEW}`, 'reason')], [[], null]);
  };

  it('sets another timer when it fires before the deadline', () => {
    using machine = AgentMachine.onTrial().clock(NOW + 30);
    machine.deadline();
    unchanged(machine);
    assert.match(machine.timers()[0] ?? '', /--on-active=20 .*agent-deadline abcd0123 1050$/);
  });

  it('does nothing when the probation has a later deadline, which has a timer of its own', () => {
    using machine = AgentMachine.onTrial().clock(LATE);
    machine.deadline(NOW + 49);
    unchanged(machine);
    assert.deepEqual(machine.timers(), []);
  });

  it('does nothing when it was set for an earlier start, even if the new start could not be recorded', () => {
    using machine = AgentMachine.onTrial()
      .clock(NOW + 40)
      .answer('jobs', '1 smm-agent.service restart running\n');
    machine.guard('ended', { result: 'success', status: '0' });
    full(machine).guard('start', { invocation: 'i-2' });
    machine.clock(LATE).deadline();
    unchanged(machine);
    machine.clock(NOW + 91).deadline(NOW + 90);
    assert.equal(machine.named('current'), OLD);
  });

  it('leaves another timer when it is killed at once, or when systemd refuses the restart', () => {
    for (const end of [
      (machine: AgentMachine) => machine.deadline(NOW + 50, { killAt: 'agent-deadline-again' }),
      (machine: AgentMachine) => machine.program('systemctl', 'exit 1').deadline(),
    ]) {
      using machine = AgentMachine.onTrial().forgetCalls().clock(LATE);
      end(machine);
      assert.match(machine.timers().at(-1) ?? '', /--on-active=180 .*agent-deadline abcd0123 1231$/);
      machine.program('systemctl', ':').forgetCalls().clock(1232).deadline(1231);
      assert.equal(machine.restarts().length, 1);
    }
  });

  it('does nothing when it belongs to another probation', () => {
    using machine = AgentMachine.onTrial().clock(LATE);
    machine.deadline(NOW + 50, { id: 'other000' });
    unchanged(machine);
  });

  it('does nothing while the agent is stopped, and after the version was confirmed', () => {
    using machine = AgentMachine.onTrial().answer('jobs', '1 smm-agent.service stop running\n').clock(LATE);
    machine.guard('ended');
    machine.deadline();
    unchanged(machine);
    machine.remove('var/lib/smm-agent/agent/probation').deadline();
    unchanged(machine);
  });

  it('does nothing when the agent is restarted while the versions are compared', () => {
    using machine = lacking('control-plane').answer(NEW, '1\n1\n').answer(OLD, '0\n');
    // A restart while the self-check of the version before runs: it moves the deadline.
    const node = machine.read(`opt/smm-agent/versions/${OLD}/node/bin/node`) ?? '';
    const probation = machine.at('var/lib/smm-agent/agent/probation');
    const moved = node.replace(
      'exit "$status"',
      `sed -i s/deadline=1050/deadline=1101/ '${probation}'\nexit "$status"`,
    );
    machine.file(`opt/smm-agent/versions/${OLD}/node/bin/node`, moved, 0o755).deadline();
    unchanged(machine);
  });
});
