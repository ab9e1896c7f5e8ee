import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathsUnder } from '../../../src/base/paths.ts';
import { systemdBelow } from '../../../src/host/systemd/below.ts';
import { SmallMachine } from '../../sandbox/service-manager/small-machine.ts';
import { until } from '../../support/until.ts';

describe('systemd of a machine below a root', () => {
  it('is asked by the programs of that root, and knows the processes of its units', async () => {
    await using machine = await SmallMachine.make('sleep 1000 & wait');
    await machine.write(
      '/etc/systemd/system/x.service.d/a.conf',
      '[Service]\nEnvironment="A=b c"\nEnvironmentFile=-/etc/default/x\n',
    );
    const systemd = systemdBelow(pathsUnder(machine.root));
    assert.equal((await systemd.unit('x.service')).activeState, 'inactive');
    await systemd.start('x.service');
    const unit = await until(
      'both processes',
      () => systemd.unit('x.service'),
      ({ pids }) => pids.length === 2,
    );
    assert.deepEqual(unit.pids, machine.manager.service('x.service').pids());
    assert.deepEqual(
      [unit.exists, unit.activeState, unit.subState, unit.unitFileState],
      [true, 'active', 'running', 'disabled'],
    );
    assert.deepEqual(unit.environment, { A: 'b c' });
    assert.deepEqual(unit.environmentFiles, [join(machine.root, 'etc/default/x')]);
    assert.deepEqual(unit.execStartPre, [{ argv: [join(machine.root, 'usr/local/bin/hook'), 'pre'] }]);
    assert.deepEqual(unit.dropInPaths, [join(machine.root, 'etc/systemd/system/x.service.d/a.conf')]);
    assert.ok(Math.abs(Date.now() - (unit.activeEnter?.getTime() ?? 0)) < 60_000);
    assert.equal(await systemd.job('x.service'), null);
    await machine.run('systemctl', 'stop', 'x');
    assert.deepEqual((await systemd.unit('x.service')).pids, []);
    assert.equal((await systemd.unit('y.service')).exists, false);
  });

  it('tells the job that runs', async () => {
    await using machine = await SmallMachine.make();
    await machine.program('hook', '#!/bin/sh\nuntil [ -e "$SMM_ROOT/go-on" ]; do sleep 0.02; done\n');
    const systemd = systemdBelow(pathsUnder(machine.root));
    const started = systemd.start('x.service');
    await until(
      'the job',
      () => systemd.job('x.service'),
      (job) => job === 'start',
    );
    await machine.write('/go-on', '');
    await started;
  });
});
