import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { A, B, ScriptMachine } from './script-machine.ts';

const STATE = 'var/lib/smm-agent/istio';
const STOP_JOB = '12 istio.service stop running\n';

/** Release A has been running for 90 s, and B is staged. */
function pending(): ScriptMachine {
  const machine = new ScriptMachine().release(A, { confirmed: true }).release(B).link('active', A);
  machine.start();
  return machine.link('staged', B).file('proc/uptime', '1090.00 1.00\n').forgetCalls();
}

function scheduled(machine: ScriptMachine): boolean {
  return machine.calls().some((call) => call.startsWith('systemd-run '));
}

describe('istio-stopped, by the jobs and the state of systemd', () => {
  const rows: { what: string; jobs: string; system?: string; kind: string; starts: boolean }[] = [
    { what: 'systemctl stop', jobs: STOP_JOB, kind: 'stop', starts: true },
    { what: 'systemctl restart', jobs: '12 istio.service restart running\n', kind: 'restart', starts: false },
    { what: 'try-restart', jobs: ' 12 istio.service try-restart running\n', kind: 'restart', starts: false },
    { what: 'a crash', jobs: 'No jobs running.\n', kind: 'own-end', starts: false },
    { what: 'a failure before READY', jobs: '12 istio.service start running\n', kind: 'own-end', starts: false },
    {
      what: 'an end by itself while another unit has a job',
      jobs: '12 nginx.service stop running\n',
      kind: 'own-end',
      starts: false,
    },
    {
      what: 'a reboot',
      jobs: `${STOP_JOB}3 reboot.target start waiting\n4 shutdown.target start waiting\n`,
      system: 'stopping\n',
      kind: 'shutdown',
      starts: false,
    },
    {
      what: 'a stop with a queued shutdown',
      jobs: `4 shutdown.target start waiting\n${STOP_JOB}`,
      kind: 'shutdown',
      starts: false,
    },
    {
      what: 'a stop while the system is stopping',
      jobs: STOP_JOB,
      system: 'stopping\n',
      kind: 'shutdown',
      starts: false,
    },
    {
      what: 'systemctl isolate rescue.target',
      jobs: `9 rescue.target start waiting\n${STOP_JOB}`,
      kind: 'rescue',
      starts: false,
    },
    { what: 'a stop in maintenance mode', jobs: STOP_JOB, system: 'maintenance\n', kind: 'rescue', starts: false },
    { what: 'a stop on a degraded system', jobs: STOP_JOB, system: 'degraded\n', kind: 'stop', starts: true },
  ];
  for (const { what, jobs, system = 'running\n', kind, starts } of rows) {
    it(`records ${what} as ${kind}${starts ? ', and schedules a start' : ', and schedules no start'}`, () => {
      using machine = pending().answer('jobs', jobs).answer('system', system);
      assert.equal(machine.stopped().status, 0);
      assert.equal(machine.record().kind, kind);
      assert.equal(scheduled(machine), starts);
      assert.equal(machine.linked('active'), A, 'the cleaning command needs the old release');
    });
  }

  it("uses the job under the unit's own name when istio.service is an alias", () => {
    for (const [type, kind] of [
      ['stop', 'stop'],
      ['restart', 'restart'],
    ]) {
      using machine = pending()
        .answer('id', 'mesh-proxy.service\n')
        .answer('jobs', `12 mesh-proxy.service ${type} running\n`);
      machine.stopped();
      assert.equal(machine.record().kind, kind);
      const enabled = machine.calls().filter((call) => call.startsWith('systemctl is-enabled'));
      assert.ok(
        enabled.every((call) => call.endsWith(' mesh-proxy.service')),
        enabled.join(),
      );
    }
  });

  it('records unknown, and schedules no start, when systemd does not answer', () => {
    using machine = pending().answer('no-systemd', '');
    machine.stopped();
    assert.equal(machine.record().kind, 'unknown');
    assert.equal(scheduled(machine), false);
  });

  it('records the result, the boot and the release', () => {
    using machine = pending().answer('jobs', STOP_JOB);
    machine.stopped('i-1', { result: 'timeout', code: 'killed', status: 'KILL' });
    const { job, result, exit_code, exit_status, boot, release, ran, start } = machine.record();
    assert.deepEqual(
      { job, result, exit_code, exit_status, boot, release, ran, start },
      {
        job: 'stop',
        result: 'timeout',
        exit_code: 'killed',
        exit_status: 'KILL',
        boot: 'boot-1',
        release: A,
        ran: '90',
        start: 'scheduled',
      },
    );
  });
});

describe('istio-stopped, after systemctl stop istio', () => {
  it('schedules the start in two seconds, accurate to a tenth of a second', () => {
    using machine = pending().answer('jobs', STOP_JOB);
    assert.match(
      machine.stopped().stderr,
      /it starts again in 2 s, with the staged release \(istio\.startWhenStopped\)/,
    );
    const call = machine.calls().find((one) => one.startsWith('systemd-run ')) ?? '';
    assert.match(call, /--on-active=2 .*--timer-property=AccuracySec=100ms .*istio-start-pending i-1$/);
  });

  const exceptions: { what: string; change: (machine: ScriptMachine) => void; why: RegExp }[] = [
    { what: 'nothing is pending', change: (machine) => machine.link('staged', A), why: /nothing is pending/ },
    {
      what: 'startWhenStopped is never',
      change: (machine) => machine.file(`${STATE}/start-when-stopped`, 'never\n'),
      why: /never/,
    },
    { what: 'the machine is held', change: (machine) => machine.file(`${STATE}/hold`, ''), why: /held/ },
    {
      what: 'the unit became disabled',
      change: (machine) => machine.answer('enabled', 'disabled\n'),
      why: /became disabled/,
    },
    { what: 'the unit became masked', change: (machine) => machine.answer('enabled', 'masked\n'), why: /is masked/ },
    {
      what: 'the staged release was rejected',
      change: (machine) => machine.file(`${STATE}/rejected/${B}`, 'reason=x\ncount=1\nat=1\n'),
      why: /rejected/,
    },
    {
      what: 'the staged release is broken',
      change: (machine) => machine.file(`opt/smm-agent/istio/releases/${B}/bin/envoy`, 'torn', 0o755),
      why: /not complete/,
    },
  ];
  for (const { what, change, why } of exceptions) {
    it(`schedules no start when ${what}, and records why`, () => {
      using machine = pending().answer('jobs', STOP_JOB);
      change(machine);
      machine.stopped();
      assert.equal(scheduled(machine), false);
      assert.match(machine.record().start ?? '', why);
    });
  }

  it('schedules a start of a unit that never was enabled', () => {
    using machine = new ScriptMachine().release(A).release(B).link('active', A).answer('enabled', 'disabled\n');
    machine.start();
    machine.link('staged', B).answer('jobs', STOP_JOB).stopped();
    assert.ok(scheduled(machine));
  });

  it('schedules a start of an Istio that was started before the drop-in, unless its unit became disabled', () => {
    using machine = new ScriptMachine()
      .release(A)
      .release(B)
      .link('active', A)
      .link('staged', B)
      .answer('jobs', STOP_JOB);
    machine.file('run/smm-agent/istio-started', 'boot=boot-1\ninvocation=\nunit_file_state=enabled\n').stopped('i-9');
    assert.ok(scheduled(machine));
    machine.forgetCalls().answer('enabled', 'disabled\n').stopped('i-9');
    assert.equal(scheduled(machine), false);
  });

  it('with startWhenStopped always, schedules a start unless held, masked or going down', () => {
    using machine = pending().link('staged', A).answer('jobs', STOP_JOB).answer('enabled', 'disabled\n');
    const { stderr } = machine.file(`${STATE}/start-when-stopped`, 'always\n').stopped();
    assert.ok(scheduled(machine));
    assert.match(stderr, /it starts again in 2 s \(istio\.startWhenStopped\)/, 'nothing is staged');
    machine.forgetCalls().answer('enabled', 'masked\n').stopped();
    machine.answer('enabled', 'enabled\n').answer('system', 'stopping\n').stopped();
    machine.answer('system', 'running\n').file(`${STATE}/hold`, '').stopped();
    assert.equal(scheduled(machine), false);
  });

  it('says what to do when the start cannot be scheduled', () => {
    using machine = pending().answer('jobs', STOP_JOB).program('systemd-run', 'exit 1');
    assert.match(machine.stopped().stderr, /run systemctl restart istio/);
    assert.match(machine.record().start ?? '', /could not be scheduled/);
  });
});
