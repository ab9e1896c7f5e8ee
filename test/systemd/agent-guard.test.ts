import assert from 'node:assert/strict';
import { chmodSync, readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { AgentMachine, NEW, NOW, OLD, PAYLOAD } from './agent-machine.ts';

const REJECTED = `var/lib/smm-agent/agent/rejected/${NEW}`;
const STOP = '12 smm-agent.service stop running\n';

describe('an end of the version on probation', () => {
  const rows: { what: string; jobs: string; counts: boolean; code?: string }[] = [
    { what: 'nobody asked for it', jobs: 'No jobs running.\n', counts: true },
    { what: 'before READY', jobs: '12 smm-agent.service start running\n', counts: true },
    { what: 'a job of another unit', jobs: '12 istio.service stop running\n', counts: true },
    { what: 'systemctl stop', jobs: STOP, counts: false },
    { what: 'systemctl restart', jobs: '12 smm-agent.service restart running\n', counts: false },
    { what: 'try-restart', jobs: '12 smm-agent.service try-restart running\n', counts: false },
    { what: 'a reboot', jobs: `${STOP}4 shutdown.target start waiting\n`, counts: false },
    { what: 'rescue', jobs: `${STOP}9 rescue.target start waiting\n`, counts: false },
    { what: "an operator's command before it failed", jobs: 'No jobs running.\n', code: '', counts: false },
  ];
  for (const { what, jobs, code, counts } of rows) {
    it(`${what}: ${counts ? 'puts it back' : 'does not count'}`, () => {
      using machine = AgentMachine.onTrial().answer('jobs', jobs);
      assert.equal(machine.guard('ended', code === undefined ? {} : { code }).status, 0);
      assert.equal(machine.named('current'), counts ? OLD : NEW);
      assert.equal(machine.isOnProbation(), !counts);
    });
  }

  it('does not count when systemd does not say whose wish it was', () => {
    using machine = AgentMachine.onTrial().answer('no-systemd', '');
    assert.match(machine.guard('ended').stderr, /<4>.*cannot tell whose wish/);
    assert.equal(machine.named('current'), NEW);
  });

  for (const [what, ended, how] of [
    ['with 0', { result: 'success', status: '0' }, 'success, exited 0'],
    ['with 78', { status: '78' }, 'exit-code, exited 78'],
    ['by a signal', { result: 'core-dump', code: 'dumped', status: 'SEGV' }, 'core-dump, dumped SEGV'],
    ['by the watchdog', { result: 'watchdog', code: 'dumped', status: 'ABRT' }, 'watchdog, dumped ABRT'],
    ['by TimeoutStartSec', { result: 'timeout', code: 'killed', status: 'TERM' }, 'timeout, killed TERM'],
  ] as const) {
    it(`${what} is noted with its exit status, its last lines and the time that it ran`, () => {
      using machine = AgentMachine.onTrial().clock(NOW + 7);
      const { stderr } = machine.guard('ended', ended);
      const reason = `it ended by itself 7 s after its start (${how})`;
      assert.equal(machine.noted(`rejected/${NEW}`, 'reason'), reason);
      assert.equal(machine.noted(`rejected/${NEW}`, 'from'), OLD);
      assert.equal(machine.noted(`rejected/${NEW}`, 'count'), '1');
      assert.equal(machine.evidence(NEW), 'the last words\n');
      assert.ok(machine.calls().some((call) => call.includes('_SYSTEMD_INVOCATION_ID=i-1')));
      assert.ok(stderr.includes(`<3>smm-agent: smm-agent ${NEW} is put back to ${OLD}: ${reason}\n`), stderr);
    });
  }

  it('is told within the time of the hook, however long the lock and the answers of systemd take', () => {
    using machine = AgentMachine.onTrial().program('flock', ':').program('timeout', 'shift; exec "$@"');
    machine.guard('ended', { result: 'success' });
    const waits = machine
      .calls()
      .flatMap((call) => /^(?:flock -w|timeout) (\d+) (?:9|systemctl)/.exec(call)?.[1] ?? []);
    assert.equal(waits.length, 3);
    assert.ok(waits.reduce((sum, seconds) => sum + Number(seconds), 0) < 9, waits.join(' + '));
  });

  it('counts for the start that it belongs to, and for no other', () => {
    using machine = AgentMachine.onTrial();
    machine.guard('ended', { invocation: 'i-0' });
    assert.equal(machine.named('current'), NEW, 'the version before ended, to make room for it');
  });

  it('counts from the beginning where the count is none', () => {
    for (const count of ['1 x', '09', '9'.repeat(30), '']) {
      using machine = AgentMachine.onTrial().file(REJECTED, `reason=before\ncount=${count}\nat=1\nprobation=earlier\n`);
      machine.guard('ended');
      assert.equal(machine.noted(`rejected/${NEW}`, 'count'), '1', count);
    }
  });

  it('is told from what a kill has left of it', () => {
    using machine = AgentMachine.onTrial();
    machine.run('agent-guard', ['ended'], {
      INVOCATION_ID: 'i-1',
      SERVICE_RESULT: 'exit-code',
      EXIT_CODE: 'exited',
      EXIT_STATUS: '1',
      SMM_TEST_KILL_AT: 'file-temporary-written',
    });
    assert.deepEqual(readdirSync(machine.at(dirname(REJECTED))), [`.${NEW}.new`]);
    machine.guard('start', { invocation: 'i-2' });
    assert.deepEqual(readdirSync(machine.at(dirname(REJECTED))), [NEW]);
  });

  it('counts once more after each rejection that has expired', () => {
    using machine = AgentMachine.onTrial().file(REJECTED, 'reason=before\ncount=2\nat=1\nprobation=earlier\n');
    machine.guard('ended');
    assert.equal(machine.noted(`rejected/${NEW}`, 'count'), '3');
  });

  it('changes nothing without a probation', () => {
    using machine = AgentMachine.onTrial().remove('var/lib/smm-agent/agent/probation');
    machine.guard('ended');
    assert.deepEqual([machine.named('current'), machine.named('previous')], [NEW, OLD]);
    assert.deepEqual(machine.calls(), []);
  });
});

describe('what comes back', () => {
  it('is the version before, with the one before that behind it', () => {
    using machine = AgentMachine.onTrial({ previous: '0.1.0' }).version('0.1.0');
    machine.guard('ended');
    assert.deepEqual([machine.named('current'), machine.named('previous')], [OLD, '0.1.0']);
  });

  it('has no version before it when that one is gone', () => {
    using machine = AgentMachine.onTrial({ previous: '0.1.0' });
    machine.guard('ended');
    assert.deepEqual([machine.named('current'), machine.named('previous')], [OLD, null]);
  });

  it('is the newest other one where the version before is damaged', () => {
    using machine = AgentMachine.onTrial()
      .version('0.1.0', { installedAt: 1 })
      .version('0.1.9', { installedAt: 2 })
      .remove(`opt/smm-agent/versions/${OLD}/release.json`);
    machine.guard('ended');
    assert.equal(machine.named('current'), '0.1.9');
  });

  it('is one that was not rejected, where there is any', () => {
    using machine = AgentMachine.onTrial()
      .version('0.1.0', { installedAt: 1 })
      .version('0.1.9', { installedAt: 2 })
      .rejected('0.1.9')
      .remove(`opt/smm-agent/versions/${OLD}/release.json`);
    machine.guard('ended');
    assert.equal(machine.named('current'), '0.1.0');
  });

  it('is what the package brings where no other version is left', () => {
    using machine = AgentMachine.onTrial().payload().remove(`opt/smm-agent/versions/${OLD}/smm-agent.js`);
    machine.guard('ended');
    assert.equal(machine.linkTarget('opt/smm-agent/current'), machine.at(PAYLOAD));
    assert.equal(machine.isOnProbation(), false);
  });

  it('is nothing where there is no other: the bad one stays, rather than none, until there is', () => {
    using machine = AgentMachine.onTrial().remove(`opt/smm-agent/versions/${OLD}/smm-agent.js`);
    const { stderr, status } = machine.guard('ended');
    assert.equal(status, 0);
    assert.match(stderr, /there is no other version: it stays/);
    assert.equal(machine.named('current'), NEW);
    machine.guard('start', { invocation: 'i-2' });
    assert.equal(machine.named('current'), NEW);
    machine.version('0.1.0').guard('start', { invocation: 'i-3' });
    assert.deepEqual([machine.named('current'), machine.isOnProbation()], ['0.1.0', false]);
    assert.equal(machine.noted(`rejected/${NEW}`, 'count'), '1');
  });

  it('comes back also when nothing can be written any more', () => {
    // `sync` is what fails first on a disk that is full; the second one has no room for a new link either.
    using machine = AgentMachine.onTrial().program('sync', 'exit 1').program('ln', 'exit 1');
    const { stderr, status } = machine.guard('ended');
    assert.equal(status, 0);
    assert.equal(machine.named('current'), OLD);
    assert.match(stderr, /cannot note that smm-agent 0\.3\.0 is rejected/);
  });

  it('comes back also where there is no room for a link, and no link that could be had', () => {
    using machine = AgentMachine.onTrial().remove('opt/smm-agent/previous');
    const program = machine.at(`opt/smm-agent/versions/${NEW}/smm-agent.js`);
    machine.program('ln', `[ ! -e '${program}' ] || exit 1; exec /usr/bin/ln "$@"`);
    machine.guard('ended');
    assert.equal(machine.named('current'), OLD);
  });

  it('is rejected in the room that the end of its probation makes, where there was none', () => {
    using machine = AgentMachine.onTrial();
    // Writes begin with mkdir.
    const probation = machine.at('var/lib/smm-agent/agent/probation');
    machine.program(
      'mkdir',
      `[ ! -e '${probation}' ] || case "$*" in */rejected) exit 1 ;; esac; exec /usr/bin/mkdir "$@"`,
    );
    machine.guard('ended');
    assert.deepEqual([machine.named('current'), machine.isOnProbation()], [OLD, false]);
    assert.match(machine.noted(`rejected/${NEW}`, 'reason') ?? '', /it ended by itself/);
  });

  it('leaves no half file behind where there is no room for one', () => {
    using machine = AgentMachine.onTrial().program('sync', 'exit 1');
    machine.guard('ended');
    assert.deepEqual(readdirSync(machine.at('var/lib/smm-agent/agent/rejected')), []);
  });
});

describe('a start of the version on probation', () => {
  it('is noted, has the whole time from now on, and a timer that outlives it', () => {
    using machine = AgentMachine.onProbation().clock(NOW + 20);
    assert.match(machine.guard('start').stderr, /<6>.*0\.3\.0 starts on probation; within 50 s/);
    assert.equal(machine.noted('run/smm-agent/agent-trial', 'invocation'), 'i-1');
    assert.equal(machine.noted('probation', 'deadline'), String(NOW + 70));
    const [timer, ...others] = machine.timers();
    assert.match(timer ?? '', /--on-active=50 .*--property=Group=smm-agent .*agent-deadline abcd0123 1070$/);
    assert.deepEqual(others, []);
  });

  it('after one that an operator ended, goes on', () => {
    using machine = AgentMachine.onTrial().answer('jobs', STOP);
    machine.guard('ended');
    machine.guard('start', { invocation: 'i-2' });
    assert.equal(machine.noted('run/smm-agent/agent-trial', 'invocation'), 'i-2');
    assert.equal(machine.named('current'), NEW);
  });

  it('after one whose end nobody recorded, is a start of the version before', () => {
    using machine = AgentMachine.onTrial();
    machine.guard('start', { invocation: 'i-2' });
    assert.equal(machine.named('current'), OLD);
    assert.equal(machine.noted(`rejected/${NEW}`, 'reason'), 'how it ended was not recorded');
  });

  it('after a clean reboot begins anew, as often as that happens', () => {
    using machine = AgentMachine.onTrial();
    for (const boot of ['boot-2', 'boot-3', 'boot-4', 'boot-5']) {
      machine.answer('jobs', `${STOP}4 reboot.target start waiting\n`).guard('ended', { invocation: 'i-1' });
      machine.file('proc/sys/kernel/random/boot_id', `${boot}\n`).remove('run/smm-agent/agent-trial');
      machine.guard('start');
      assert.equal(machine.noted('probation', 'power_cuts'), '0');
      assert.equal(machine.named('current'), NEW, boot);
    }
  });

  it('after a power cut begins anew twice, and at the third time is a start of the version before', () => {
    using machine = AgentMachine.onTrial();
    for (const [boot, expected] of [
      ['boot-2', NEW],
      ['boot-3', NEW],
      ['boot-4', OLD],
    ] as const) {
      machine.file('proc/sys/kernel/random/boot_id', `${boot}\n`).remove('run/smm-agent/agent-trial');
      machine.guard('start');
      assert.equal(machine.named('current'), expected, boot);
    }
    assert.match(machine.noted(`rejected/${NEW}`, 'reason') ?? '', /the machine went down 3 times/);
  });

  it('is void when current is another version: a package came in between', () => {
    using machine = AgentMachine.onTrial().version('0.4.0').link('current', '0.4.0');
    assert.match(machine.guard('start').stderr, /<6>.*its probation is over/);
    assert.equal(machine.isOnProbation(), false);
    assert.deepEqual([machine.named('current'), machine.noted(`rejected/${NEW}`, 'reason')], ['0.4.0', null]);
  });

  it('is void when the switch never came about', () => {
    using machine = AgentMachine.onProbation().link('current', OLD);
    machine.guard('start');
    assert.deepEqual([machine.isOnProbation(), machine.named('current')], [false, OLD]);
  });

  it('goes on without a timer when systemd gives none', () => {
    using machine = AgentMachine.onProbation().program('systemd-run', 'exit 1');
    const { status, stderr } = machine.guard('start');
    assert.equal(status, 0);
    assert.match(stderr, /<3>.*cannot set a timer/);
  });

  for (const [what, text] of [
    ['says nothing', '\0\0\0'],
    ['lost its beginning', `to=${NEW}\nprevious=\nboot=boot-1\n`],
    ['names what is no version', `id=abcd0123\nfrom=../${OLD}\nto=${NEW}\n`],
  ] as const) {
    it(`is void where its file ${what}, which is said, and nobody is put back`, () => {
      for (const when of ['start', 'ended'] as const) {
        using machine = AgentMachine.onTrial().file('var/lib/smm-agent/agent/probation', text);
        const { status, stderr } = machine.guard(when);
        assert.equal(status, 0);
        assert.equal(
          stderr,
          `<3>smm-agent: ${machine.at('var/lib/smm-agent/agent/probation')} is damaged: it names no version, so none is on probation\n`,
        );
        assert.equal(machine.isOnProbation(), false);
        assert.deepEqual([machine.named('current'), machine.named('previous')], [NEW, OLD]);
      }
    });
  }
});

describe('the guard', () => {
  it('does not wait for a lock that does not come', () => {
    using machine = AgentMachine.onTrial().program('flock', 'exit 1');
    const { stderr } = machine.guard('ended');
    assert.match(stderr, /<4>.*cannot lock/);
    assert.equal(machine.named('current'), OLD);
  });

  it('locks what nobody else can open', () => {
    using machine = AgentMachine.onTrial();
    chmodSync(machine.at('opt/smm-agent'), 0o755);
    machine.guard('ended');
    assert.equal(statSync(machine.at('opt/smm-agent')).mode & 0o7777, 0o711);
  });

  it('knows nothing but start and ended', () => {
    using machine = new AgentMachine();
    assert.equal(machine.run('agent-guard', ['nonsense']).status, 2);
  });

  for (const what of ['start', 'ended'] as const) {
    it(`costs a start nothing where nobody is on probation (${what})`, () => {
      using machine = new AgentMachine().version(OLD).link('current', OLD);
      assert.equal(machine.guard(what).status, 0);
      assert.deepEqual(machine.calls(), []);
    });
  }
});

describe('the link-local name servers of the machine', () => {
  it('are allowed to the agent, each once, and nothing else of what is link-local', () => {
    using machine = new AgentMachine();
    machine.program('systemctl', 'echo "systemctl $*" >>"$answers/asked"; [ "$1" != show ] || echo 169.254.169.253/32');
    machine.file(
      'etc/resolv.conf',
      'search vms\nnameserver 10.0.0.2\nnameserver 169.254.169.254\nnameserver 169.254.169.253\nnameserver fe80::1%eth0\nnameserver 169.254.0.0/16\n',
    );
    machine.run('agent-resolvers');
    assert.deepEqual(machine.read('answers/asked')?.trim().split('\n'), [
      'systemctl show --property=IPAddressAllow --value smm-agent.service',
      'systemctl set-property --runtime smm-agent.service IPAddressAllow=169.254.169.254',
      'systemctl set-property --runtime smm-agent.service IPAddressAllow=fe80::1',
    ]);
  });

  it('are not asked for where there is none', () => {
    using machine = new AgentMachine();
    machine.program('systemctl', 'echo "systemctl $*" >>"$answers/asked"');
    machine.file('etc/resolv.conf', 'nameserver 127.0.0.53\n');
    machine.run('agent-resolvers');
    assert.equal(machine.read('answers/asked'), null);
  });
});
