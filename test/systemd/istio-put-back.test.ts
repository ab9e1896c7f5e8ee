import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CRASH, rejection, STATE, startAndEnd, upgraded } from './put-back.ts';
import { A, B, C, ScriptMachine } from './script-machine.ts';

function times(count: number, what: () => void): void {
  for (let n = 0; n < count; n++) what();
}

/** B has ended twice by itself. One more such end, and B is rolled back. */
const TWICE = 'count=2\ninvocation=i-0\nhow=signal, killed SEGV\n';
function endedTwice(): ScriptMachine {
  const machine = upgraded();
  machine.start('i-0');
  return machine.file(`${STATE}/ends/${B}`, TWICE);
}

/** B has ended for the third time. */
function putBack(): ScriptMachine {
  const machine = endedTwice();
  startAndEnd(machine);
  return machine;
}

describe('an unconfirmed release that ends three times within a minute of its start', () => {
  it('is unstaged and rejected at the third end, and switched away from at the next start', () => {
    using machine = upgraded();
    times(2, () => startAndEnd(machine));
    assert.deepEqual([machine.linked('active'), machine.linked('staged'), rejection(machine, B)], [B, B, null]);
    startAndEnd(machine);
    assert.deepEqual(
      [machine.linked('active'), machine.linked('staged')],
      [B, A],
      'active stays until the script of B has removed its rules',
    );
    assert.match(rejection(machine, B) ?? '', /^reason=it ended 3 times .*signal, killed SEGV.*\ncount=1\nat=\d+\n/);
    machine.start('i-next');
    assert.equal(machine.linked('active'), A);
  });

  it('is rolled back even if the agent has staged it again and the machine is held', () => {
    using machine = putBack();
    machine.link('staged', B).file(`${STATE}/hold`, '').start('i-next');
    assert.equal(machine.linked('active'), A);
  });

  it('gets three new tries when it is staged again later', () => {
    using machine = putBack();
    machine.start('i-next');
    machine.remove(`${STATE}/rejected/${B}`).link('staged', B);
    times(2, () => startAndEnd(machine));
    assert.equal(machine.linked('active'), B);
    startAndEnd(machine);
    assert.equal(machine.linked('staged'), A);
    assert.match(rejection(machine, B) ?? '', /^count=1$/m, 'the agent keeps the count of expired rejections');
  });

  it('is not switched to while it is rejected, even if the agent has staged it again', () => {
    using machine = putBack();
    machine.link('staged', B);
    times(3, () => machine.start('i-next'));
    assert.equal(machine.linked('active'), A);
  });

  it('is not rolled back to a release whose control plane is gone, but to another confirmed release', () => {
    using machine = upgraded().file(`${STATE}/gone/${A}`, '');
    times(4, () => startAndEnd(machine));
    assert.deepEqual([machine.linked('active'), machine.linked('staged'), rejection(machine, B)], [B, B, null]);
    machine.release(C, { confirmed: true, createdAt: 1 });
    machine.start('i-next');
    assert.deepEqual([machine.linked('active'), machine.linked('staged')], [C, C]);
  });

  it('is rolled back to an adopted release, which is always confirmed', () => {
    using machine = new ScriptMachine().release(A).release(B).link('active', A).link('staged', B);
    const manifest = `opt/smm-agent/istio/releases/${A}/release.json`;
    machine.file(manifest, (machine.read(manifest) ?? '').replace('"package"', '"adopted"'));
    times(3, () => startAndEnd(machine));
    assert.equal(machine.linked('staged'), A);
  });

  it('is not rolled back if it was confirmed', () => {
    using machine = upgraded().file(`${STATE}/confirmed/${B}`, '');
    times(3, () => startAndEnd(machine));
    assert.deepEqual([machine.linked('active'), machine.linked('staged')], [B, B]);
  });
});

describe('a release that ran for an hour without an agent that saw it', () => {
  for (const [what, prepare] of [
    ['ended by itself', (machine) => machine],
    ['was stopped', (machine) => machine.answer('jobs', '1 istio.service stop running\n')],
  ] as const satisfies [string, (machine: ScriptMachine) => ScriptMachine][]) {
    it(`is confirmed when it ${what}, and not rolled back after three quick ends later`, () => {
      using machine = prepare(upgraded());
      startAndEnd(machine, 3600);
      assert.equal(machine.read(`${STATE}/confirmed/${B}`), '');
      machine.answer('jobs', '').link('staged', B);
      times(3, () => startAndEnd(machine));
      assert.deepEqual([machine.linked('active'), machine.linked('staged'), rejection(machine, B)], [B, B, null]);
    });
  }

  it('is not confirmed one second before the hour is over', () => {
    using machine = upgraded();
    startAndEnd(machine, 3599);
    assert.equal(machine.read(`${STATE}/confirmed/${B}`), null);
  });
});

// In a container, lxcfs provides /proc/uptime. When lxcfs ends, the file cannot be read, or has the uptime of the host.
// When lxcfs starts, the uptime jumps back.
describe('an end of a release whose running time is unknown, because /proc/uptime has changed', () => {
  for (const [what, uptime] of [
    ['jumped back', '12.00 1.00\n'],
    ['cannot be read', ''],
    ['contains no number', 'Transport endpoint is not connected\n'],
  ] as const) {
    it(`is recorded, but not counted, when /proc/uptime ${what}`, () => {
      using machine = upgraded();
      times(3, () => {
        machine.file('proc/uptime', '1000.00 1.00\n').start('i-1');
        machine.file('proc/uptime', uptime);
        assert.deepEqual(machine.stopped('i-1', CRASH), { status: 0, stderr: '' });
        const { kind, ran } = machine.record();
        assert.deepEqual([kind, ran], ['own-end', '']);
      });
      assert.deepEqual([machine.linked('active'), rejection(machine, B)], [B, null]);
    });
  }

  it('is not counted when /proc/uptime could not be read at the start', () => {
    using machine = upgraded().file('proc/uptime', '');
    machine.start('i-1');
    machine.file('proc/uptime', '1003.00 1.00\n');
    machine.stopped('i-1', CRASH);
    assert.equal(machine.record().ran, '');
    assert.equal(machine.read(`${STATE}/ends/${B}`), null);
  });
});

describe('an end of an unconfirmed release', () => {
  const rows: {
    what: string;
    prepare?: (machine: ScriptMachine) => void;
    seconds?: number;
    ended?: { result?: string; code?: string };
  }[] = [
    { what: 'an operator stops Istio', prepare: (machine) => machine.answer('jobs', '1 istio.service stop running\n') },
    {
      what: 'an operator restarts Istio',
      prepare: (machine) => machine.answer('jobs', '1 istio.service restart running\n'),
    },
    {
      what: 'the machine reboots',
      prepare: (machine) => machine.answer('jobs', '1 istio.service stop running\n2 shutdown.target start waiting\n'),
    },
    { what: 'Istio ran for longer than a minute', seconds: 61 },
    {
      what: 'the machine has no address',
      prepare: (machine) => machine.answer('addresses', '1: lo inet 127.0.0.1/8\n'),
    },
    {
      what: 'the machine has only loopback and link-local addresses',
      prepare: (machine) => machine.answer('addresses', '1: lo inet 10.1.1.1/32\n2: eth0 inet6 fe80::1/64\n'),
    },
    { what: 'the main process was never run', ended: { result: 'exit-code', code: '' } },
    { what: 'systemd does not answer', prepare: (machine) => machine.answer('no-systemd', '') },
  ];
  for (const { what, prepare, seconds, ended } of rows) {
    it(`is not counted when ${what}`, () => {
      using machine = endedTwice();
      prepare?.(machine);
      startAndEnd(machine, seconds, ended ?? CRASH);
      assert.deepEqual([machine.linked('active'), machine.linked('staged'), rejection(machine, B)], [B, B, null]);
      assert.equal(machine.read(`${STATE}/ends/${B}`), TWICE);
    });
  }

  it('is counted when Istio ends by itself within a minute', () => {
    using machine = endedTwice();
    startAndEnd(machine, 60);
    assert.equal(machine.linked('staged'), A);
    assert.notEqual(rejection(machine, B), null);
  });

  it('is not counted when the start was in another boot', () => {
    using machine = upgraded();
    times(3, () => {
      machine.start('i-1');
      machine.file('proc/sys/kernel/random/boot_id', `boot-${machine.calls().length}\n`).stopped('i-1', CRASH);
    });
    assert.equal(rejection(machine, B), null);
  });

  it('is counted only once when the hook runs again for the same start', () => {
    using machine = upgraded();
    machine.start('i-1');
    times(3, () => machine.stopped('i-1', CRASH));
    assert.match(machine.read(`${STATE}/ends/${B}`) ?? '', /^count=1$/m);
  });
});

describe('the release to which Istio was rolled back', () => {
  it('makes the rejection of the other release void when it ends in the same way', () => {
    using machine = putBack();
    startAndEnd(machine);
    assert.equal(machine.linked('active'), A);
    assert.equal(rejection(machine, B), null);
  });

  it('leaves the rejection when it ran for more than a minute before it ended', () => {
    using machine = putBack();
    startAndEnd(machine, 100);
    startAndEnd(machine, 3);
    assert.notEqual(rejection(machine, B), null);
  });

  it('leaves the rejection when an operator restarts it', () => {
    using machine = putBack().answer('jobs', '1 istio.service restart running\n');
    startAndEnd(machine, 3);
    assert.notEqual(rejection(machine, B), null);
  });
});
