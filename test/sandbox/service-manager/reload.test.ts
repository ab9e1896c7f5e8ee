import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { until } from '../../support/until.ts';
import { SmallMachine } from './small-machine.ts';

describe('a reload', () => {
  const COUNTING =
    'trap \'echo reloaded >>"$SMM_ROOT/reloads"\' HUP; touch "$SMM_ROOT/trapped"; while :; do sleep 0.02; done';

  it('sends the signal of ExecReload to the main process, which continues', async () => {
    await using machine = await SmallMachine.make(COUNTING);
    await machine.setting('ExecReload=/bin/kill -HUP $MAINPID');
    await machine.run('systemctl', 'start', 'x');
    await until('the trap', () => existsSync(join(machine.root, 'trapped')));
    const pid = await machine.show('MainPID');
    assert.equal((await machine.run('systemctl', 'reload', 'x')).status, 0);
    await until('the signal', () => existsSync(join(machine.root, 'reloads')));
    assert.deepEqual([await machine.show('ActiveState'), await machine.show('MainPID')], ['active', pid]);
  });

  it('is a job of type reload while it runs', async () => {
    await using machine = await SmallMachine.make();
    await machine.setting('ExecReload=/bin/sh -c \'until [ -e "$SMM_ROOT/go-on" ]; do sleep 0.02; done; exit 1\'');
    await machine.run('systemctl', 'start', 'x');
    const reloaded = machine.run('systemctl', 'reload', 'x');
    await until(
      'the state',
      () => machine.show('ActiveState'),
      (state) => state === 'reloading',
    );
    assert.match(
      (await machine.run('systemctl', 'list-jobs', '--no-legend')).stdout,
      /^\d+ x\.service reload running$/m,
    );
    assert.deepEqual(await machine.run('systemctl', 'is-active', 'x'), {
      status: 0,
      stdout: 'reloading\n',
      stderr: '',
    });
    await machine.write('/go-on', '');
    assert.equal((await reloaded).stderr, 'Job for x.service failed.\n');
    assert.deepEqual([await machine.show('ActiveState'), await machine.show('Result')], ['active', 'success']);
  });

  it('is refused when the service does not run or has no ExecReload', async () => {
    await using machine = await SmallMachine.make();
    await machine.run('systemctl', 'start', 'x');
    assert.match((await machine.run('systemctl', 'reload', 'x')).stderr, /Job type reload is not applicable/);
    await machine.setting('ExecReload=/bin/true');
    await machine.run('systemctl', 'daemon-reload');
    await machine.run('systemctl', 'stop', 'x');
    const { status, stderr } = await machine.run('systemctl', 'reload', 'x');
    assert.deepEqual([status, stderr], [1, 'x.service is not active, cannot reload.\n']);
  });
});
