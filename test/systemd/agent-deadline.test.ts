import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentMachine, NEW, NOW, OLD } from './agent-machine.ts';
import { TRIAL_POINTS } from './kill-points.ts';

const LATE = NOW + 51;
const RELOAD = 'systemctl reload --no-block smm-agent.service';

/** NEW is ready and has completed a turn, but for what it lacks. */
function lacking(lacks: string): AgentMachine {
  return AgentMachine.onTrial().turn(lacks).clock(LATE).program('sleep', ':');
}

describe('the deadline of a version that completed no turn', () => {
  it('puts it back and restarts the agent', () => {
    using machine = AgentMachine.onTrial().clock(LATE);
    const { stderr } = machine.deadline();
    assert.match(stderr, /0\.3\.0 does not come through its probation: it completed no turn within 50 s of its start/);
    assert.deepEqual(machine.restarts(), ['systemctl restart --no-block smm-agent.service']);
    assert.match(machine.guard('start').stderr, /put back to 0\.2\.0: it completed no turn within 50 s of its start/);
    assert.equal(machine.named('current'), OLD);
    assert.equal(machine.evidence(NEW), 'the last words\n');
  });

  it('takes the turn of an earlier start for none', () => {
    using machine = AgentMachine.onTrial().turn('control-plane', 'i-0').clock(LATE);
    machine.deadline();
    assert.equal(machine.noted(`rejected/${NEW}`, 'probation'), 'abcd0123');
  });

  for (const point of TRIAL_POINTS) {
    it(`puts it back also where the guard was ended at ${point}`, () => {
      using machine = AgentMachine.onProbation();
      machine.run('agent-guard', ['start'], { INVOCATION_ID: 'i-1', SMM_TEST_KILL_AT: point });
      machine.clock(LATE).deadline();
      machine.guard('start', { invocation: 'i-2' });
      assert.equal(machine.named('current'), OLD);
    });
  }

  it('asks for the restart first: killed between the two, it is put back after a probation of its next start', () => {
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

// As for Istio (istio-put-back.test.ts): lxcfs has begun, or ended, since the trial did.
describe('the deadline of a version when the clock became another one in between', () => {
  for (const [what, uptime] of [
    ['jumped back', '12.00 1.00\n'],
    ['cannot be read', ''],
  ] as const) {
    it(`has come where /proc/uptime ${what}: systemd's timer has waited for long enough`, () => {
      using machine = AgentMachine.onProbation().clock(8_640_000);
      machine.guard('start');
      machine.file('proc/uptime', uptime).deadline(8_640_050);
      assert.deepEqual(machine.restarts(), ['systemctl restart --no-block smm-agent.service']);
    });
  }
});

/** Nothing can be written below /var/lib: writes begin with mkdir. */
function full(machine: AgentMachine): AgentMachine {
  return machine.program('mkdir', 'case "$*" in */var/lib/*) exit 1 ;; esac; exec /usr/bin/mkdir "$@"');
}

describe('the deadline of a version that was started on a full disk', () => {
  it('is that of its start, whatever the probation still says', () => {
    for (const boot of ['boot-1', 'boot-0']) {
      using machine = full(AgentMachine.onProbation({ boot, deadline: boot === 'boot-1' ? NOW + 50 : 500_000 }));
      assert.match(
        machine.clock(NOW + 20).guard('start').stderr,
        /cannot note that smm-agent 0\.3\.0 starts on probation/,
      );
      machine.clock(NOW + 71).deadline(NOW + 70);
      assert.equal(machine.restarts().length, 1);
      assert.equal(machine.named('current'), OLD);
    }
  });

  it('puts it back at once, since the next start would know nothing of a rejection', () => {
    using machine = full(AgentMachine.onTrial()).clock(LATE);
    machine.deadline();
    assert.deepEqual([machine.named('current'), machine.isOnProbation()], [OLD, false]);
  });

  it('is prolonged as on any other', () => {
    using machine = full(lacking('control-plane')).answer(NEW, '1\n1\n').answer(OLD, '1\n');
    machine.deadline();
    assert.match(machine.timers().at(-1) ?? '', /--on-active=100 .*agent-deadline abcd0123 1151$/);
    machine.answer(NEW, '1\n1\n1\n').answer(OLD, '0\n0\n').clock(1152).deadline(1151);
    assert.equal(machine.named('current'), OLD);
  });
});

describe('the deadline of a version that lacks an answer of the control plane', () => {
  // What self-check --control-plane says: 0 is an answer. They are asked in turn, the new one first.
  const rows: { now: string; before: string; what: string; blamed: boolean; asked: number }[] = [
    {
      now: '1 1 1',
      before: '0 0',
      what: 'only the version before gets one: the new one is to blame',
      blamed: true,
      asked: 5,
    },
    { now: '1', before: '1', what: 'neither gets one: the control plane is away', blamed: false, asked: 2 },
    { now: '1 0', before: '0', what: 'it came back between two tries', blamed: false, asked: 3 },
    { now: '1 1', before: '0 1', what: 'it comes and goes', blamed: false, asked: 4 },
    { now: '1 1 0', before: '0 0', what: 'it comes and goes in the same step', blamed: false, asked: 5 },
    { now: '0', before: '0', what: 'it is back already', blamed: false, asked: 1 },
    { now: '69', before: '64', what: 'the version before knows no self-check', blamed: false, asked: 2 },
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
      assert.deepEqual(machine.reloads(), now.endsWith('0') ? [RELOAD] : [], 'its daemon learns of what there is now');
      if (blamed) {
        assert.equal(machine.noted(`rejected/${NEW}`, 'reason'), '0.2.0 has what it lacks: control-plane');
      } else {
        assert.equal(machine.noted('probation', 'deadline'), String(LATE + 100));
        assert.match(machine.timers().at(-1) ?? '', /--on-active=100 .*agent-deadline abcd0123 1151$/);
      }
    });
  }

  it('does nothing where its daemon, told to look anew, has confirmed itself meanwhile', () => {
    using machine = AgentMachine.onTrial({ extended: 2 }).turn('control-plane').clock(LATE);
    machine.program('sleep', `rm '${machine.at('var/lib/smm-agent/agent/probation')}'`);
    const { status } = machine.answer(NEW, '0\n0\n').deadline();
    assert.equal(status, 0);
    assert.deepEqual([machine.reloads(), machine.restarts(), machine.isOnProbation()], [[RELOAD], [], false]);
    assert.equal(machine.named('current'), NEW);
  });

  it('goes on where its daemon cannot be told', () => {
    using machine = lacking('control-plane').answer(NEW, '0\n').program('systemctl', 'exit 1');
    assert.match(machine.deadline().stderr, /<4>.*cannot have smm-agent 0\.3\.0 look anew/);
    assert.equal(machine.noted('probation', 'extended'), '1');
  });

  it('asks the version before also where that had to be started from the package', () => {
    using machine = AgentMachine.onProbation({ from: '0.1.0' }).payload();
    machine.guard('start');
    machine.turn('control-plane').clock(LATE).answer(NEW, '1\n1\n1\n').deadline();
    assert.equal(machine.noted(`rejected/${NEW}`, 'reason'), '0.1.0 has what it lacks: control-plane');
  });

  it('puts it back where it makes no turn any more while its probation is prolonged', () => {
    using machine = lacking('control-plane').answer(NEW, '1\n').answer(OLD, '1\n');
    machine.deadline();
    machine.clock(LATE + 101).deadline(LATE + 100);
    machine.guard('start', { invocation: 'i-2' });
    assert.equal(machine.named('current'), OLD);
    assert.match(machine.noted(`rejected/${NEW}`, 'reason') ?? '', /it completed no turn/);
  });

  for (const [extended, answers, blamed] of [
    [2, '0\n0\n', true],
    [2, '0\n1\n', false],
    [1, '0\n0\n', false],
  ] as const) {
    it(`${blamed ? 'puts it back' : 'is prolonged'} at the deadline ${extended + 1} with ${JSON.stringify(answers)} of its own`, () => {
      using machine = AgentMachine.onTrial({ extended }).turn('control-plane').clock(LATE).program('sleep', ':');
      machine.answer(NEW, answers).deadline();
      const reason = machine.noted(`rejected/${NEW}`, 'reason');
      assert.equal(reason, blamed ? 'its own self-check has what it lacks: control-plane' : null);
      assert.deepEqual(machine.reloads(), [RELOAD], 'before it is asked for the last time');
      assert.equal(machine.restarts().length, blamed ? 1 : 0);
    });
  }

  it('prolongs however often it lacks nothing but the lock of the versions, which somebody else holds', () => {
    using machine = AgentMachine.onTrial({ extended: 2 }).turn('lock').clock(LATE);
    machine.answer(NEW, '0\n').deadline();
    assert.equal(machine.noted(`rejected/${NEW}`, 'reason'), null);
    assert.equal(machine.noted('probation', 'extended'), '3');
    assert.equal(machine.noted('run/smm-agent/agent-turn', 'lacks'), 'lock', 'its next turn may be long');
  });

  it('is prolonged for twice as long each time, at most for ten minutes', () => {
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

describe('the deadline of a version that finds the configuration wrong', () => {
  for (const [tries, blamed] of [
    [['78', '0'], true],
    [['78', '78'], false],
  ] as const) {
    it(`${blamed ? 'puts it back where' : 'leaves it where not even'} the version before takes it`, () => {
      using machine = lacking('configuration');
      machine.answer(NEW, `${tries[0]}\n`.repeat(3)).answer(OLD, `${tries[1]}\n`.repeat(2));
      machine.deadline();
      assert.equal(machine.noted(`rejected/${NEW}`, 'probation'), blamed ? 'abcd0123' : null);
      assert.match(machine.calls().find((call) => call.startsWith('node of')) ?? '', / self-check$/);
    });
  }
});

describe('the deadline of a version whose configuration was mended since', () => {
  it('has it read again', () => {
    using machine = lacking('configuration').answer(NEW, '0\n');
    machine.deadline();
    assert.deepEqual([machine.reloads(), machine.restarts()], [[RELOAD], []]);
  });
});

describe('a timer of the deadline', () => {
  const unchanged = (machine: AgentMachine) => {
    assert.equal(machine.named('current'), NEW);
    assert.deepEqual([machine.restarts(), machine.noted(`rejected/${NEW}`, 'reason')], [[], null]);
  };

  it('that comes too early is set again', () => {
    using machine = AgentMachine.onTrial().clock(NOW + 30);
    machine.deadline();
    unchanged(machine);
    assert.match(machine.timers()[0] ?? '', /--on-active=20 .*agent-deadline abcd0123 1050$/);
  });

  it('of a deadline that was moved does nothing, since that one has a timer of its own', () => {
    using machine = AgentMachine.onTrial().clock(LATE);
    machine.deadline(NOW + 49);
    unchanged(machine);
    assert.deepEqual(machine.timers(), []);
  });

  it('of an earlier start does nothing, whatever a full disk has kept from being noted', () => {
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

  it('that is ended at once, or refused the restart, has left another one', () => {
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

  it('of another probation does nothing', () => {
    using machine = AgentMachine.onTrial().clock(LATE);
    machine.deadline(NOW + 50, { id: 'other000' });
    unchanged(machine);
  });

  it('does nothing while the agent is stopped, and once it is confirmed', () => {
    using machine = AgentMachine.onTrial().answer('jobs', '1 smm-agent.service stop running\n').clock(LATE);
    machine.guard('ended');
    machine.deadline();
    unchanged(machine);
    machine.remove('var/lib/smm-agent/agent/probation').deadline();
    unchanged(machine);
  });

  it('does nothing when the agent was restarted while the versions were compared', () => {
    using machine = lacking('control-plane').answer(NEW, '1\n1\n').answer(OLD, '0\n');
    // The version before is asked in the middle: whoever restarts the agent then has moved the deadline.
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
