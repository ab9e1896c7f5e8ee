import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SmallMachine } from '../small-machine.ts';

describe('folders of a unit', () => {
  const NAMES = ['RuntimeDirectory=x', 'StateDirectory=x', 'StateDirectoryMode=0700', 'CacheDirectory=x'];
  const kept = (machine: SmallMachine) => ['run/x', 'var/lib/x'].map((path) => existsSync(join(machine.root, path)));

  it('exist before its first command, and the folder below /run is removed when it has stopped', async () => {
    await using machine = await SmallMachine.make();
    await machine.program(
      'hook',
      '#!/bin/sh\nstat -c "%n %a" "$RUNTIME_DIRECTORY" "$STATE_DIRECTORY" "$CACHE_DIRECTORY"\n',
    );
    await machine.setting(...NAMES);
    await machine.run('systemctl', 'start', 'x');
    const said = (await machine.run('journalctl', '-u', 'x', '-o', 'cat')).stdout;
    assert.equal(said.replaceAll(machine.root, ''), '/run/x 755\n/var/lib/x 700\n/var/cache/x 755\n');
    await machine.run('systemctl', 'stop', 'x');
    assert.deepEqual(kept(machine), [false, true]);
  });

  it('all stay after a stop with RuntimeDirectoryPreserve=yes', async () => {
    await using machine = await SmallMachine.make();
    await machine.setting(...NAMES, 'RuntimeDirectoryPreserve=yes');
    await machine.run('systemctl', 'start', 'x');
    await machine.run('systemctl', 'stop', 'x');
    assert.deepEqual(kept(machine), [true, true]);
  });
});
