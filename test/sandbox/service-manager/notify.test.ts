import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { until } from '../../support/until.ts';
import { SmallMachine } from './small-machine.ts';

const jobs = async (machine: SmallMachine) => (await machine.run('systemctl', 'list-jobs', '--no-legend')).stdout;
const shown = (machine: SmallMachine, ...names: string[]) => Promise.all(names.map((name) => machine.show(name)));

/** Waits until the hook has seen an end. */
const ended = (machine: SmallMachine) =>
  until(
    'ExecStopPost',
    () => machine.seen().catch(() => []),
    (lines) => lines.some((line) => line.startsWith('post')),
  );

// In parallel, each on a machine of its own, because they mostly wait for deadlines.
describe('Type=notify', { concurrency: 8 }, () => {
  describe('a service of Type=notify', () => {
    it('is activating, with a start job, until it sends READY', async () => {
      await using machine = await SmallMachine.make(
        'until [ -e "$SMM_ROOT/go-on" ]; do sleep 0.02; done; systemd-notify --ready --status="at work"; exec sleep 1000',
      );
      await machine.setting('Type=notify', 'NotifyAccess=all');
      const started = machine.run('systemctl', 'start', 'x');
      await until(
        'the main process',
        () => machine.show('SubState'),
        (state) => state === 'start',
      );
      assert.match(await jobs(machine), /^\d+ x\.service start running$/m);
      assert.deepEqual(await shown(machine, 'ActiveState', 'StatusText'), ['activating', '']);
      assert.equal((await machine.run('systemctl', 'is-active', 'x')).status, 3);
      await machine.write('/go-on', '');
      assert.equal((await started).status, 0);
      assert.deepEqual(await shown(machine, 'ActiveState', 'SubState', 'StatusText'), ['active', 'running', 'at work']);
      assert.equal(await jobs(machine), '');
    });

    it('is ended with result timeout, and starts again, when it sends no READY within TimeoutStartSec', async () => {
      await using machine = await SmallMachine.make(
        `[ -e "$SMM_ROOT/again" ] || { touch "$SMM_ROOT/again"; trap '' TERM; while :; do sleep 1000; done; }
      systemd-notify --ready; exec sleep 1000`,
      );
      await machine.setting('Type=notify', 'NotifyAccess=all', 'TimeoutStartSec=4', 'TimeoutStopSec=3');
      const { status, stderr } = await machine.run('systemctl', 'start', 'x');
      assert.deepEqual([status, stderr], [1, 'Job for x.service failed.\n']);
      const [, seen] = await machine.seen();
      assert.equal(seen, 'post jobs=x.service start, system=running result=timeout end=killed/KILL');
      assert.match((await machine.run('journalctl', '-u', 'x')).stdout, /x\.service: start operation timed out/);
      await until(
        'the next start',
        () => machine.show('ActiveState'),
        (state) => state === 'active',
      );
      assert.deepEqual(await shown(machine, 'NRestarts', 'Result'), ['1', 'success']);
    });

    it('has failed when it ends with status 0 before READY', async () => {
      await using machine = await SmallMachine.make('exit 0');
      await machine.setting('Type=notify', 'Restart=no');
      assert.equal((await machine.run('systemctl', 'start', 'x')).status, 1);
      assert.match((await machine.seen()).at(-1) ?? '', /jobs=x\.service start, .* result=protocol end=exited\/0$/);
      assert.deepEqual(await shown(machine, 'ActiveState', 'Result'), ['failed', 'protocol']);
    });

    it('has not failed when it is stopped before READY', async () => {
      await using machine = await SmallMachine.make();
      await machine.setting('Type=notify');
      const started = machine.run('systemctl', 'start', 'x');
      await until(
        'the main process',
        () => machine.show('SubState'),
        (state) => state === 'start',
      );
      assert.equal((await machine.run('systemctl', 'stop', 'x')).status, 0);
      assert.equal((await started).stderr, 'Job for x.service canceled.\n');
      assert.match((await machine.seen()).at(-1) ?? '', /jobs=x\.service stop, .* result=success end=killed\/TERM$/);
      assert.deepEqual(await shown(machine, 'ActiveState', 'Result'), ['inactive', 'success']);
    });

    it('accepts messages only of its main process, or in its name, unless NotifyAccess allows more', async () => {
      await using machine = await SmallMachine.make(
        'systemd-notify --status=unheard; systemd-notify --ready --pid=$$ --status=heard; exec sleep 1000',
      );
      await machine.setting('Type=notify');
      await machine.run('systemctl', 'start', 'x');
      assert.equal(await machine.show('StatusText'), 'heard');
      assert.match((await machine.run('journalctl', '-u', 'x')).stdout, /reception is not permitted/);
    });
  });

  describe('systemd-notify', () => {
    it('fails without NOTIFY_SOCKET, and outside of a unit', async () => {
      await using machine = await SmallMachine.make('env -u NOTIFY_SOCKET systemd-notify --ready; exec sleep 1000');
      const { status, stderr } = await machine.run('systemd-notify', '--ready');
      assert.deepEqual([status, stderr], [1, 'No status data could be sent: $NOTIFY_SOCKET was not set\n']);
      await machine.run('systemctl', 'start', 'x');
      await until(
        'the same',
        () => machine.run('journalctl', '-u', 'x', '-o', 'cat'),
        ({ stdout }) => stdout === stderr,
      );
    });
  });

  describe('a watchdog', () => {
    it('ends a service that does not feed it, even one stopped by SIGSTOP, and no other service', async () => {
      await using machine = await SmallMachine.make(
        `echo "$WATCHDOG_USEC $NOTIFY_SOCKET" >"$SMM_ROOT/told"
      systemd-notify --ready; while :; do systemd-notify WATCHDOG=1; sleep 0.1; done`,
      );
      await machine.setting('Type=notify', 'NotifyAccess=all', 'WatchdogSec=5');
      await machine.run('systemctl', 'start', 'x');
      const since = performance.now();
      const told = (await readFile(join(machine.root, 'told'), 'utf8')).replace(machine.root, '');
      assert.equal(told, '5000000 /run/systemd/notify\n');
      await until('more time than the watchdog gives', () => performance.now() - since > 6000);
      assert.deepEqual(await shown(machine, 'ActiveState', 'NRestarts'), ['active', '0']);
      // Not the child too: if it is stopped between vfork and exec, its parent cannot continue, and SIGABRT never ends
      // the parent.
      await machine.run('systemctl', 'kill', '--signal=STOP', '--kill-whom=main', 'x');
      const seen = (await ended(machine)).findLast((line) => line.startsWith('post'));
      assert.equal(seen, 'post jobs= system=running result=watchdog end=dumped/ABRT');
      assert.match((await machine.run('journalctl', '-u', 'x')).stdout, /x\.service: Watchdog timeout \(limit 5s\)!/);
      await until(
        'the next start',
        () => machine.show('NRestarts'),
        (count) => count === '1',
      );
    });
  });

  describe('the time of a sandbox', () => {
    it('is shortened for delays, and not for deadlines', async () => {
      // A hundredth of these deadlines would be too short for any shell.
      await using machine = await SmallMachine.make(
        '[ -e "$SMM_ROOT/again" ] || { touch "$SMM_ROOT/again"; exit 1; }; sleep 0.5; systemd-notify --ready; exec sleep 1000',
      );
      await machine.setting('Type=notify', 'NotifyAccess=all', 'RestartSec=30', 'TimeoutStartSec=30', 'WatchdogSec=30');
      assert.equal((await machine.run('systemctl', 'start', 'x')).status, 1);
      await until(
        'the next start',
        () => machine.show('ActiveState'),
        (state) => state === 'active',
      );
      assert.equal(await machine.show('NRestarts'), '1');
    });
  });
});
