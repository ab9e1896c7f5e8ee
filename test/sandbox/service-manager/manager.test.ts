import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { until } from '../../support/until.ts';
import { sessionOf } from './processes.ts';
import { SmallMachine } from './small-machine.ts';

/** What a stop hook sees for each kind of end. */
const ENDS: [what: string, act: (machine: SmallMachine) => Promise<unknown>, seen: string][] = [
  [
    'stop',
    (machine) => machine.run('systemctl', 'stop', 'x'),
    'post jobs=x.service stop, system=running result=success end=killed/TERM',
  ],
  [
    'disable --now',
    (machine) => machine.run('systemctl', 'disable', '--now', 'x'),
    'post jobs=x.service stop, system=running result=success end=killed/TERM',
  ],
  [
    'restart',
    (machine) => machine.run('systemctl', 'restart', 'x'),
    'post jobs=x.service restart, system=running result=success end=killed/TERM',
  ],
  [
    'try-restart',
    (machine) => machine.run('systemctl', 'try-restart', 'x'),
    'post jobs=x.service restart, system=running result=success end=killed/TERM',
  ],
  [
    'crash',
    (machine) => machine.run('systemctl', 'kill', '--signal=SEGV', 'x'),
    'post jobs= system=running result=core-dump end=dumped/SEGV',
  ],
  [
    'reboot',
    (machine) => machine.manager.shutDown('reboot'),
    'post jobs=x.service stop,reboot.target start,shutdown.target start, system=stopping result=success end=killed/TERM',
  ],
  [
    'isolate to rescue',
    (machine) => machine.manager.rescue(),
    'post jobs=x.service stop,rescue.target start, system=maintenance result=success end=killed/TERM',
  ],
];

describe('a stop hook', () => {
  for (const [what, act, expected] of ENDS) {
    it(`sees the job and the state of the system after ${what}`, async () => {
      await using machine = await SmallMachine.make();
      assert.equal((await machine.run('systemctl', 'start', 'x')).status, 0);
      assert.deepEqual(await machine.seen(), ['pre jobs=x.service start, system=running result= end=/']);
      await machine.forget();
      await act(machine);
      await until(
        'the hook',
        () => machine.seen().catch(() => []),
        (lines) => lines.some((line) => line.startsWith('post')),
      );
      assert.equal((await machine.seen())[0], expected);
    });
  }

  it('sees a job start and no end of a main process when ExecStartPre fails', async () => {
    await using machine = await SmallMachine.make();
    await machine.write(
      '/etc/systemd/system/x.service.d/fail.conf',
      '[Service]\nExecStartPre=/bin/false\nRestart=no\n',
    );
    const outcome = await machine.run('systemctl', 'start', 'x');
    assert.deepEqual([outcome.status, outcome.stderr], [1, 'Job for x.service failed.\n']);
    assert.equal((await machine.seen()).at(-1), 'post jobs=x.service start, system=running result=exit-code end=/');
    assert.deepEqual([await machine.show('ActiveState'), await machine.show('Result')], ['failed', 'exit-code']);
    assert.equal((await machine.run('systemctl', 'reset-failed', 'x')).status, 0);
    assert.deepEqual([await machine.show('ActiveState'), await machine.show('Result')], ['inactive', 'success']);
  });
});

describe('a service that ends by itself', () => {
  it('starts again with a new invocation', async () => {
    await using machine = await SmallMachine.make();
    await machine.run('systemctl', 'start', 'x');
    const invocation = await machine.show('InvocationID');
    await machine.run('systemctl', 'kill', '--signal=KILL', 'x');
    await until(
      'the restart',
      () => machine.show('NRestarts'),
      (count) => count === '1',
    );
    await until(
      'the unit',
      () => machine.show('ActiveState'),
      (state) => state === 'active',
    );
    assert.notEqual(await machine.show('InvocationID'), invocation);
    await machine.run('systemctl', 'restart', 'x');
    assert.equal(await machine.show('NRestarts'), '0');
  });

  it('runs no command and stays stopped after a stop while it waits to start again', async () => {
    await using machine = await SmallMachine.make('exit 3');
    await machine.write('/etc/systemd/system/x.service.d/slow.conf', '[Service]\nRestartSec=1h\n');
    await machine.run('systemctl', 'start', 'x');
    await until(
      'the wait',
      () => machine.show('SubState'),
      (state) => state === 'auto-restart',
    );
    const before = await machine.seen();
    assert.equal((await machine.run('systemctl', 'stop', 'x')).status, 0);
    assert.equal(await machine.show('ActiveState'), 'inactive');
    assert.deepEqual(await machine.seen(), before);
  });
});

describe('a service that asks for its own restart', () => {
  it('is stopped by a restart job, not by the end of the program that has asked for it', async () => {
    await using machine = await SmallMachine.make(
      '[ -e "$SMM_ROOT/asked" ] || { touch "$SMM_ROOT/asked"; systemctl restart --no-block x.service; }; exec sleep 1000',
    );
    await machine.run('systemctl', 'start', 'x');
    const seen = await until(
      'the second start',
      () => machine.seen(),
      (lines) => lines.length === 3,
    );
    assert.deepEqual(seen.slice(1), [
      'post jobs=x.service restart, system=running result=success end=killed/TERM',
      'pre jobs=x.service start, system=running result= end=/',
    ]);
    assert.equal(await machine.show('NRestarts'), '0');
  });
});

describe('a stop', () => {
  it('ends processes that the main process has left behind', async () => {
    await using machine = await SmallMachine.make('sleep 1000 & wait');
    await machine.run('systemctl', 'start', 'x');
    const pids = await until(
      'both processes',
      () => machine.manager.service('x.service').pids(),
      (all) => all.length === 2,
    );
    await machine.run('systemctl', 'stop', 'x');
    assert.deepEqual(pids.map(sessionOf), [null, null]);
  });

  it('fails when it takes longer than TimeoutStopSec', async () => {
    await using machine = await SmallMachine.make("trap '' TERM; while :; do sleep 1000; done");
    // The hook must end within this time too.
    await machine.setting('TimeoutStopSec=3');
    await machine.run('systemctl', 'start', 'x');
    await until(
      'the trap',
      () => machine.manager.service('x.service').pids(),
      (all) => all.length === 2,
    );
    await machine.run('systemctl', 'stop', 'x');
    assert.deepEqual([await machine.show('ActiveState'), await machine.show('Result')], ['failed', 'timeout']);
    assert.match((await machine.seen()).at(-1) ?? '', /result=timeout end=killed\/KILL$/);
  });

  it('skips the commands after a command that takes too long, even if its failure is ignored', async () => {
    await using machine = await SmallMachine.make();
    await machine.setting(
      'TimeoutStopSec=1',
      'ExecStopPost=',
      'ExecStopPost=-/bin/sleep 1000',
      'ExecStopPost=/usr/local/bin/hook post',
    );
    await machine.run('systemctl', 'start', 'x');
    await machine.run('systemctl', 'stop', 'x');
    assert.equal(await machine.show('Result'), 'timeout');
    assert.deepEqual(
      (await machine.seen()).filter((line) => line.startsWith('post')),
      [],
    );
  });

  it('is not cancelled by a start with --job-mode=fail, but by a start without', async () => {
    await using machine = await SmallMachine.make();
    await machine.program('hook', '#!/bin/sh\n[ "$1" = pre ] || until [ -e "$SMM_ROOT/go-on" ]; do sleep 0.02; done\n');
    await machine.run('systemctl', 'start', 'x');
    const stopped = machine.run('systemctl', 'stop', 'x');
    await until(
      'the hook',
      () => machine.show('SubState'),
      (state) => state === 'stop-post',
    );
    assert.equal((await machine.run('systemctl', 'start', '--job-mode=fail', 'x')).status, 4);
    const started = machine.run('systemctl', 'start', 'x');
    assert.equal((await stopped).stderr, 'Job for x.service canceled.\n');
    await machine.write('/go-on', '');
    assert.equal((await started).status, 0);
    assert.equal(await machine.show('ActiveState'), 'active');
  });
});

describe('the invocation', () => {
  it('is the same for ExecStartPre, ExecStart and ExecStopPost, and different for each start', async () => {
    const note = 'echo "$INVOCATION_ID" >>"$SMM_ROOT/seen"';
    await using machine = await SmallMachine.make(`${note}; exec sleep 1000`);
    await machine.program('hook', `#!/bin/sh\n${note}\n`);
    const ids: (string | undefined)[] = [];
    for (const _ of [1, 2]) {
      await machine.run('systemctl', 'start', 'x');
      await until(
        'the main process',
        () => machine.seen(),
        (lines) => lines.length === 2,
      );
      await machine.run('systemctl', 'stop', 'x');
      const [id, ...others] = await machine.seen();
      assert.deepEqual(others, [id, id]);
      assert.equal(await machine.show('InvocationID'), id);
      ids.push(id);
      await machine.forget();
    }
    assert.notEqual(ids[0], ids[1]);
  });
});

describe('unit files', () => {
  it('are read in order, can reset a list in a drop-in, and have no effect before a daemon-reload', async () => {
    await using machine = await SmallMachine.make();
    await machine.run('systemctl', 'start', 'x');
    await machine.write(
      '/etc/systemd/system/x.service.d/zz.conf',
      '[Service]\nEnvironment=A=1 "B=two words"\nExecStart=\nExecStart=-@/bin/sleep name 500\nExecStopPost=/bin/true\n',
    );
    assert.equal(await machine.show('NeedDaemonReload'), 'yes');
    assert.equal(await machine.show('Environment'), '');
    await machine.run('systemctl', 'daemon-reload');
    assert.equal(await machine.show('NeedDaemonReload'), 'no');
    assert.equal(await machine.show('Environment'), 'A=1 "B=two words"');
    assert.match(await machine.show('ExecStart'), /^\{ path=\/bin\/sleep ; argv\[\]=name 500 ; ignore_errors=yes ; /);
    assert.deepEqual((await machine.show('ExecStopPost')).match(/path=\S+/g), [
      `path=${join(machine.root, 'usr/local/bin/hook')}`,
      'path=/bin/true',
    ]);
    assert.equal(await machine.show('DropInPaths'), join(machine.root, 'etc/systemd/system/x.service.d/zz.conf'));
  });

  it('set the environment of processes, with paths of the machine below the root', async () => {
    await using machine = await SmallMachine.make('echo "$A $B" >"$SMM_ROOT/environment"; exec sleep 1000');
    await machine.write('/etc/default/x', '# comment\nB="of the file"\n');
    await machine.write(
      '/etc/systemd/system/x.service.d/a.conf',
      '[Service]\nEnvironment=A=/opt/x:/usr/bin B=b\nEnvironmentFile=-/etc/default/none\nEnvironmentFile=/etc/default/x\n',
    );
    await machine.run('systemctl', 'start', 'x');
    const text = await until('the main process', () =>
      readFile(join(machine.root, 'environment'), 'utf8').catch(() => ''),
    );
    assert.equal(text, `${machine.root}/opt/x:/usr/bin of the file\n`);
  });

  it('cannot be started when they are masked or missing', async () => {
    await using machine = await SmallMachine.make();
    assert.equal((await machine.run('systemctl', 'mask', 'x')).status, 0);
    assert.equal(
      (await machine.run('systemctl', 'start', 'x')).stderr,
      'Failed to start x.service: Unit x.service is masked.\n',
    );
    assert.deepEqual(await machine.run('systemctl', 'is-enabled', 'x'), { status: 1, stdout: 'masked\n', stderr: '' });
    assert.equal((await machine.run('systemctl', 'start', 'y')).status, 5);
    assert.equal((await machine.run('systemctl', 'show', 'y', '-P', 'LoadState')).stdout, 'not-found\n');
  });
});

describe('a boot', () => {
  it('has a new boot id and an empty /run, and starts enabled units', async () => {
    await using machine = await SmallMachine.make();
    await machine.run('systemctl', 'enable', '--now', 'x');
    await machine.write('/run/left', '');
    const bootId = join(machine.root, 'proc/sys/kernel/random/boot_id');
    const before = readFileSync(bootId, 'utf8');
    await machine.manager.shutDown('reboot');
    assert.equal(existsSync(join(machine.root, 'run/left')), false);
    await machine.manager.boot();
    assert.notEqual(readFileSync(bootId, 'utf8'), before);
    assert.equal(await machine.show('ActiveState'), 'active');
  });
});

describe('a transient timer', () => {
  it('runs its program even if the program that has set it has ended', async () => {
    await using machine = await SmallMachine.make();
    const args = [
      '--quiet',
      '--collect',
      '--unit=later',
      '--on-active=2',
      '-p',
      'Type=oneshot',
      '--property=TimeoutStartSec=60',
      '--timer-property=AccuracySec=100ms',
      '--setenv=A=b c',
      '/bin/sh',
      '-c',
      'echo "$A" >"$SMM_ROOT/later"',
    ];
    assert.deepEqual(await machine.run('systemd-run', ...args), { status: 0, stdout: '', stderr: '' });
    const text = await until('the timer', () => readFile(join(machine.root, 'later'), 'utf8').catch(() => ''));
    assert.equal(text, 'b c\n');
  });

  it('can be stopped before it fires, and its name cannot be used twice', async () => {
    await using machine = await SmallMachine.make();
    const args = ['--unit=later', '--on-active=1h', '/bin/true'];
    assert.equal((await machine.run('systemd-run', ...args)).stderr, 'Running timer as unit: later.timer\n');
    assert.equal((await machine.run('systemd-run', ...args)).status, 1);
    assert.equal((await machine.run('systemctl', 'is-active', 'later.timer')).stdout, 'active\n');
    assert.equal((await machine.run('systemctl', 'stop', 'later.timer')).status, 0);
    assert.equal((await machine.run('systemctl', 'stop', 'later.timer')).status, 5);
    assert.equal((await machine.run('systemctl', 'is-active', 'later.timer')).status, 3);
  });
});

describe('a program of the sandbox', () => {
  it('fails with a message, instead of waiting, when the manager has ended', async () => {
    await using machine = await SmallMachine.make();
    await rm(join(machine.root, 'sandbox/manager.pid'));
    const { status, stderr } = await machine.run('systemctl', 'is-system-running');
    assert.deepEqual([status, stderr], [1, 'systemctl: cannot reach the embedded service manager: it has ended\n']);
  });
});
