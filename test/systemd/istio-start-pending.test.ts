import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { A, B, ScriptMachine } from './script-machine.ts';

/** An operator has stopped Istio two seconds ago, with B staged. */
function stopped(): ScriptMachine {
  const machine = new ScriptMachine().release(A, { confirmed: true }).release(B).link('active', A);
  machine.start();
  machine.link('staged', B).answer('jobs', '1 istio.service stop running\n').stopped();
  return machine.answer('jobs', '').forgetCalls();
}

function starts(machine: ScriptMachine, invocation = 'i-1'): boolean {
  const { status } = machine.run('istio-start-pending', [invocation]);
  assert.equal(status, 0);
  return machine.calls().includes('systemctl start --job-mode=fail istio.service');
}

describe('istio-start-pending', () => {
  it('starts Istio with a job that cancels no other job', () => {
    using machine = stopped();
    assert.ok(starts(machine));
  });

  it('starts Istio after a stop that failed', () => {
    using machine = stopped().answer('active-state', 'failed\n');
    assert.ok(starts(machine));
  });

  it('waits until the stop is complete', () => {
    using machine = stopped()
      .program('sleep', 'echo inactive >"$answers/active-state"')
      .answer('active-state', 'deactivating\n');
    assert.ok(starts(machine));
    assert.ok(machine.calls().includes('sleep 1'));
  });

  const changes: { what: string; change: (machine: ScriptMachine) => void; invocation?: string }[] = [
    { what: 'an operator has started it', change: (machine) => machine.answer('active-state', 'active\n') },
    {
      what: 'an operator has queued a job for it',
      change: (machine) => machine.answer('jobs', '7 istio.service start waiting\n'),
    },
    { what: 'an operator has started and stopped it again', change: () => {}, invocation: 'i-0' },
    { what: 'the machine is going down', change: (machine) => machine.answer('system', 'stopping\n') },
    { what: 'the machine is in rescue mode', change: (machine) => machine.answer('system', 'maintenance\n') },
    { what: 'the machine is held', change: (machine) => machine.file('var/lib/smm-agent/istio/hold', '') },
    { what: 'the unit was disabled', change: (machine) => machine.answer('enabled', 'disabled\n') },
    { what: 'the unit was masked', change: (machine) => machine.answer('enabled', 'masked\n') },
    { what: 'the staged release was withdrawn', change: (machine) => machine.link('staged', A) },
    {
      what: 'the machine was rebooted',
      change: (machine) => machine.file('proc/sys/kernel/random/boot_id', 'boot-2\n'),
    },
    { what: 'systemd does not answer', change: (machine) => machine.answer('no-systemd', '') },
  ];
  for (const { what, change, invocation } of changes) {
    it(`does not start Istio when, since the stop, ${what}`, () => {
      using machine = stopped();
      change(machine);
      assert.equal(starts(machine, invocation), false);
    });
  }

  it('fails and says what to do when systemd refuses the start', () => {
    using machine = stopped();
    machine.program(
      'systemctl',
      'case "$1" in start) exit 1 ;; show) echo inactive ;; is-enabled) echo enabled ;; esac',
    );
    const { status, stderr } = machine.run('istio-start-pending', ['i-1']);
    assert.equal(status, 1);
    assert.match(stderr, /systemctl restart istio/);
  });
});
