import assert from 'node:assert/strict';
import { chmodSync, readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { AgentMachine, NEW, NOW, OLD, PAYLOAD } from './agent-machine.ts';

const REJECTED = `var/lib/smm-agent/agent/rejected/${NEW}`;
const STOP = '12 smm-agent.service stop running\n';

describe('agent-guard ended, for the version on probation', () => {
  const rows: { what: string; jobs: string; counts: boolean; code?: string }[] = [
    { what: 'an end by itself', jobs: 'No jobs running.\n', counts: true },
    { what: 'an end by itself before READY', jobs: '12 smm-agent.service start running\n', counts: true },
    { what: 'an end by itself while another unit has a job', jobs: '12 istio.service stop running\n', counts: true },
    { what: 'systemctl stop', jobs: STOP, counts: false },
    { what: 'systemctl restart', jobs: '12 smm-agent.service restart running\n', counts: false },
    { what: 'systemctl try-restart', jobs: '12 smm-agent.service try-restart running\n', counts: false },
    { what: 'a reboot', jobs: `${STOP}4 shutdown.target start waiting\n`, counts: false },
    { what: 'a switch to rescue mode', jobs: `${STOP}9 rescue.target start waiting\n`, counts: false },
    {
      what: "a failure of an operator's command before the agent ran",
      jobs: 'No jobs running.\n',
      code: '',
      counts: false,
    },
  ];
  for (const { what, jobs, code, counts } of rows) {
    it(`${counts ? 'rolls back' : 'does not roll back'} after ${what}`, () => {
      using machine = AgentMachine.onTrial().answer('jobs', jobs);
      assert.equal(machine.guard('ended', code === undefined ? {} : { code }).status, 0);
      assert.equal(machine.named('current'), counts ? OLD : NEW);
      assert.equal(machine.isOnProbation(), !counts);
    });
  }

  it('does not roll back when systemd does not answer', () => {
    using machine = AgentMachine.onTrial().answer('no-systemd', '');
    assert.match(
      machine.guard('ended').stderr,
      /<4>.*cannot tell why smm-agent 0\.3\.0 stopped \(systemd did not answer\): not counted as a failure/,
    );
    assert.equal(machine.named('current'), NEW);
  });

  for (const [what, ended, how] of [
    ['with status 0', { result: 'success', status: '0' }, 'success, exited 0'],
    ['with status 78', { status: '78' }, 'exit-code, exited 78'],
    ['by a signal', { result: 'core-dump', code: 'dumped', status: 'SEGV' }, 'core-dump, dumped SEGV'],
    ['by the watchdog', { result: 'watchdog', code: 'dumped', status: 'ABRT' }, 'watchdog, dumped ABRT'],
    ['by TimeoutStartSec', { result: 'timeout', code: 'killed', status: 'TERM' }, 'timeout, killed TERM'],
  ] as const) {
    it(`records an end ${what}: its exit status, the last log lines and how long the version ran`, () => {
      using machine = AgentMachine.onTrial().clock(NOW + 7);
      const { stderr } = machine.guard('ended', ended);
      const reason = `it ended by itself 7 s after its start (${how})`;
      assert.equal(machine.noted(`rejected/${NEW}`, 'reason'), reason);
      assert.equal(machine.noted(`rejected/${NEW}`, 'from'), OLD);
      assert.equal(machine.noted(`rejected/${NEW}`, 'count'), '1');
      assert.equal(machine.evidence(NEW), 'the last words\n');
      assert.ok(machine.calls().some((call) => call.includes('_SYSTEMD_INVOCATION_ID=i-1')));
      assert.ok(stderr.includes(`<3>smm-agent: rolled back smm-agent ${NEW} to ${OLD}: ${reason}\n`), stderr);
    });
  }

  it('waits less than the 9 s of the hook for the lock and the answers of systemd', () => {
    using machine = AgentMachine.onTrial().program('flock', ':').program('timeout', 'shift; exec "$@"');
    machine.guard('ended', { result: 'success' });
    const waits = machine
      .calls()
      .flatMap((call) => /^(?:flock -w|timeout) (\d+) (?:9|systemctl)/.exec(call)?.[1] ?? []);
    assert.equal(waits.length, 3);
    assert.ok(waits.reduce((sum, seconds) => sum + Number(seconds), 0) < 9, waits.join(' + '));
  });

  it('does not roll back after the end of an earlier start', () => {
    using machine = AgentMachine.onTrial();
    machine.guard('ended', { invocation: 'i-0' });
    assert.equal(machine.named('current'), NEW, 'the version before ended, to make room for it');
  });

  it('counts the rejection as the first one when the count in the file is damaged', () => {
    for (const count of ['1 x', '09', '9'.repeat(30), '']) {
      using machine = AgentMachine.onTrial().file(REJECTED, `reason=before\ncount=${count}\nat=1\nprobation=earlier\n`);
      machine.guard('ended');
      assert.equal(machine.noted(`rejected/${NEW}`, 'count'), '1', count);
    }
  });

  it('completes a rejection that a kill has left half written, at the next start', () => {
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

  it('adds one to the count of an earlier rejection of the same version', () => {
    using machine = AgentMachine.onTrial().file(REJECTED, 'reason=before\ncount=2\nat=1\nprobation=earlier\n');
    machine.guard('ended');
    assert.equal(machine.noted(`rejected/${NEW}`, 'count'), '3');
  });

  it('changes nothing when no version is on probation', () => {
    using machine = AgentMachine.onTrial().remove('var/lib/smm-agent/agent/probation');
    machine.guard('ended');
    assert.deepEqual([machine.named('current'), machine.named('previous')], [NEW, OLD]);
    assert.deepEqual(machine.calls(), []);
  });
});

describe('a rollback of the agent', () => {
  it('restores the version before as current, and the version before that one as previous', () => {
    using machine = AgentMachine.onTrial({ previous: '0.1.0' }).version('0.1.0');
    machine.guard('ended');
    assert.deepEqual([machine.named('current'), machine.named('previous')], [OLD, '0.1.0']);
  });

  it('removes the link previous when the version before that one is gone', () => {
    using machine = AgentMachine.onTrial({ previous: '0.1.0' });
    machine.guard('ended');
    assert.deepEqual([machine.named('current'), machine.named('previous')], [OLD, null]);
  });

  it('takes the newest other version when the version before is damaged', () => {
    using machine = AgentMachine.onTrial()
      .version('0.1.0', { installedAt: 1 })
      .version('0.1.9', { installedAt: 2 })
      .remove(`opt/smm-agent/versions/${OLD}/release.json`);
    machine.guard('ended');
    assert.equal(machine.named('current'), '0.1.9');
  });

  it('prefers an older version that was not rejected to a newer one that was', () => {
    using machine = AgentMachine.onTrial()
      .version('0.1.0', { installedAt: 1 })
      .version('0.1.9', { installedAt: 2 })
      .rejected('0.1.9')
      .remove(`opt/smm-agent/versions/${OLD}/release.json`);
    machine.guard('ended');
    assert.equal(machine.named('current'), '0.1.0');
  });

  it('takes the version in the package when no other version is left', () => {
    using machine = AgentMachine.onTrial().payload().remove(`opt/smm-agent/versions/${OLD}/smm-agent.js`);
    machine.guard('ended');
    assert.equal(machine.linkTarget('opt/smm-agent/current'), machine.at(PAYLOAD));
    assert.equal(machine.isOnProbation(), false);
  });

  it('keeps the bad version until another version is installed', () => {
    using machine = AgentMachine.onTrial().remove(`opt/smm-agent/versions/${OLD}/smm-agent.js`);
    const { stderr, status } = machine.guard('ended');
    assert.equal(status, 0);
    assert.match(
      stderr,
      /cannot roll back smm-agent 0\.3\.0 \(it ended by itself .*\): no other version on this machine can be used: install the package smm-agent; until then each start tries again/,
    );
    assert.equal(machine.named('current'), NEW);
    machine.guard('start', { invocation: 'i-2' });
    assert.equal(machine.named('current'), NEW);
    machine.version('0.1.0').guard('start', { invocation: 'i-3' });
    assert.deepEqual([machine.named('current'), machine.isOnProbation()], ['0.1.0', false]);
    assert.equal(machine.noted(`rejected/${NEW}`, 'count'), '1');
  });

  it('switches even when nothing can be written', () => {
    // On a full disk `sync` fails first. `ln` fails when there is no room for a new link either.
    using machine = AgentMachine.onTrial().program('sync', 'exit 1').program('ln', 'exit 1');
    const { stderr, status } = machine.guard('ended');
    assert.equal(status, 0);
    assert.equal(machine.named('current'), OLD);
    assert.match(stderr, /cannot record that smm-agent 0\.3\.0 is rejected/);
  });

  it('removes the bad program to make room when the disk has no room for a link and previous is missing', () => {
    using machine = AgentMachine.onTrial().remove('opt/smm-agent/previous');
    const program = machine.at(`opt/smm-agent/versions/${NEW}/smm-agent.js`);
    machine.program('ln', `[ ! -e '${program}' ] || exit 1; exec /usr/bin/ln "$@"`);
    machine.guard('ended');
    assert.equal(machine.named('current'), OLD);
  });

  it('writes the rejection after the file of the probation is removed, when the disk had no room before', () => {
    using machine = AgentMachine.onTrial();
    // Every write begins with mkdir.
    const probation = machine.at('var/lib/smm-agent/agent/probation');
    machine.program(
      'mkdir',
      `[ ! -e '${probation}' ] || case "$*" in */rejected) exit 1 ;; esac; exec /usr/bin/mkdir "$@"`,
    );
    machine.guard('ended');
    assert.deepEqual([machine.named('current'), machine.isOnProbation()], [OLD, false]);
    assert.match(machine.noted(`rejected/${NEW}`, 'reason') ?? '', /it ended by itself/);
  });

  it('leaves no half written file behind on a full disk', () => {
    using machine = AgentMachine.onTrial().program('sync', 'exit 1');
    machine.guard('ended');
    assert.deepEqual(readdirSync(machine.at('var/lib/smm-agent/agent/rejected')), []);
  });
});

describe('agent-guard start, for the version on probation', () => {
  it('records the start, sets a deadline of 50 s from now, and starts a timer for it', () => {
    using machine = AgentMachine.onProbation().clock(NOW + 20);
    assert.match(
      machine.guard('start').stderr,
      /<6>smm-agent: version 0\.3\.0 starts on probation: within 50 s it is confirmed, or rolled back to 0\.2\.0/,
    );
    assert.equal(machine.noted('run/smm-agent/agent-trial', 'invocation'), 'i-1');
    assert.equal(machine.noted('probation', 'deadline'), String(NOW + 70));
    const [timer, ...others] = machine.timers();
    assert.match(timer ?? '', /--on-active=50 .*--property=Group=smm-agent .*agent-deadline abcd0123 1070$/);
    assert.deepEqual(others, []);
  });

  it('starts the version again after an operator has stopped it', () => {
    using machine = AgentMachine.onTrial().answer('jobs', STOP);
    machine.guard('ended');
    machine.guard('start', { invocation: 'i-2' });
    assert.equal(machine.noted('run/smm-agent/agent-trial', 'invocation'), 'i-2');
    assert.equal(machine.named('current'), NEW);
  });

  it('rolls back when the last start has no record of its end', () => {
    using machine = AgentMachine.onTrial();
    machine.guard('start', { invocation: 'i-2' });
    assert.equal(machine.named('current'), OLD);
    assert.equal(machine.noted(`rejected/${NEW}`, 'reason'), 'how it ended was not recorded');
  });

  it('starts the version again after each clean reboot, and counts no power cut', () => {
    using machine = AgentMachine.onTrial();
    for (const boot of ['boot-2', 'boot-3', 'boot-4', 'boot-5']) {
      machine.answer('jobs', `${STOP}4 reboot.target start waiting\n`).guard('ended', { invocation: 'i-1' });
      machine.file('proc/sys/kernel/random/boot_id', `${boot}\n`).remove('run/smm-agent/agent-trial');
      machine.guard('start');
      assert.equal(machine.noted('probation', 'power_cuts'), '0');
      assert.equal(machine.named('current'), NEW, boot);
    }
  });

  it('starts the version again after two power cuts, and rolls back after the third', () => {
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

  it('ends the probation when current is another version, because a package was installed', () => {
    using machine = AgentMachine.onTrial().version('0.4.0').link('current', '0.4.0');
    assert.match(
      machine.guard('start').stderr,
      /<6>.*another version than smm-agent 0\.3\.0 starts: the probation of smm-agent 0\.3\.0 is over/,
    );
    assert.equal(machine.isOnProbation(), false);
    assert.deepEqual([machine.named('current'), machine.noted(`rejected/${NEW}`, 'reason')], ['0.4.0', null]);
  });

  it('ends the probation when current was never switched', () => {
    using machine = AgentMachine.onProbation().link('current', OLD);
    machine.guard('start');
    assert.deepEqual([machine.isOnProbation(), machine.named('current')], [false, OLD]);
  });

  it('starts the version without a timer when systemd refuses the timer', () => {
    using machine = AgentMachine.onProbation().program('systemd-run', 'exit 1');
    const { status, stderr } = machine.guard('start');
    assert.equal(status, 0);
    assert.match(stderr, /<3>.*cannot set a timer/);
  });

  for (const [what, text] of [
    ['has only NUL bytes', '\0\0\0'],
    ['has lost its first lines', `to=${NEW}\nprevious=\nboot=boot-1\n`],
    ['names a path instead of a version', `id=abcd0123\nfrom=../${OLD}\nto=${NEW}\n`],
  ] as const) {
    it(`ends the probation with an error and no rollback when its file ${what}`, () => {
      for (const when of ['start', 'ended'] as const) {
        using machine = AgentMachine.onTrial().file('var/lib/smm-agent/agent/probation', text);
        const { status, stderr } = machine.guard(when);
        assert.equal(status, 0);
        assert.equal(
          stderr,
          `<3>smm-agent: ${machine.at('var/lib/smm-agent/agent/probation')} is damaged and is removed: it does not name two versions, so no version is on probation\n`,
        );
        assert.equal(machine.isOnProbation(), false);
        assert.deepEqual([machine.named('current'), machine.named('previous')], [NEW, OLD]);
      }
    });
  }
});

describe('agent-guard', () => {
  it('rolls back without the lock when another process holds it for too long', () => {
    using machine = AgentMachine.onTrial().program('flock', 'exit 1');
    const { stderr } = machine.guard('ended');
    assert.match(stderr, /<4>.*cannot lock/);
    assert.equal(machine.named('current'), OLD);
  });

  it('makes the folder that it locks unreadable for other users', () => {
    using machine = AgentMachine.onTrial();
    chmodSync(machine.at('opt/smm-agent'), 0o755);
    machine.guard('ended');
    assert.equal(statSync(machine.at('opt/smm-agent')).mode & 0o7777, 0o711);
  });

  it('fails with status 2 when its argument is neither start nor ended', () => {
    using machine = new AgentMachine();
    assert.equal(machine.run('agent-guard', ['nonsense']).status, 2);
  });

  for (const what of ['start', 'ended'] as const) {
    it(`runs no other program when no version is on probation (${what})`, () => {
      using machine = new AgentMachine().version(OLD).link('current', OLD);
      assert.equal(machine.guard(what).status, 0);
      assert.deepEqual(machine.calls(), []);
    });
  }
});

describe('agent-resolvers', () => {
  it('allows the link-local name servers of resolv.conf that are not allowed yet, and no other address', () => {
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

  it('does not ask systemd when no name server is link-local', () => {
    using machine = new AgentMachine();
    machine.program('systemctl', 'echo "systemctl $*" >>"$answers/asked"');
    machine.file('etc/resolv.conf', 'nameserver 127.0.0.53\n');
    machine.run('agent-resolvers');
    assert.equal(machine.read('answers/asked'), null);
  });
});
