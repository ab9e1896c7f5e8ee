import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { until } from '../../support/until.ts';
import { SmallMachine } from './small-machine.ts';

describe('the journal', () => {
  it('returns the lines of a unit, of one start or of all starts, without their priorities', async () => {
    await using machine = await SmallMachine.make('echo "<4>main of $INVOCATION_ID"; exec sleep 1000');
    await machine.program('hook', '#!/bin/sh\necho "$1"\n');
    const invocations: string[] = [];
    for (const _ of [1, 2]) {
      await machine.run('systemctl', 'start', 'x');
      const id = await machine.show('InvocationID');
      await until('its line', () => machine.manager.journal.entries({ units: [], invocation: id }).length === 2);
      invocations.push(id);
      await machine.run('systemctl', 'stop', 'x');
    }
    const [first = '', second] = invocations;
    const ask = async (...args: string[]) => (await machine.run('journalctl', ...args)).stdout;
    const cat = ['-u', 'x.service', '-o', 'cat'];
    assert.equal(await ask(...cat, `_SYSTEMD_INVOCATION_ID=${first}`), `pre\nmain of ${first}\npost\n`);
    assert.equal(await ask(...cat, '-n', '2', '--no-pager'), `main of ${second}\npost\n`);
    assert.match(await ask('--unit=x'), /^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d sandbox x: pre\n/);
    assert.equal(await ask('-u', 'y'), '-- No entries --\n');
    assert.equal(await ask('-q', '-u', 'y'), '');
  });
});
