import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isEmergencyHeld } from '../../src/config/emergency-hold.ts';
import { openTerminal } from '../support/terminal.ts';

describe('smm-agent hold', () => {
  it('holds the machine also while the agent does not run: the next start of Istio must not switch', async () => {
    await using terminal = await openTerminal();
    const marker = join(terminal.paths.state, 'istio', 'hold');
    assert.equal((await terminal.type(['hold'])).code, 0);
    await access(marker);
    assert.match(await terminal.config(), /^hold: true$/m);
    assert.equal((await terminal.type(['unhold'])).code, 0);
    await assert.rejects(access(marker), { code: 'ENOENT' });
  });

  it('holds also where the file lacks what the agent needs: the daemon goes on with what it had read', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig('workloadGroup:\n  namespace: vms\n');
    const held = await terminal.type(['hold']);
    assert.equal(held.code, 0);
    assert.match(held.stdout, /this machine is held now, until smm-agent unhold: written to \S+\n/);
    assert.match(held.stdout, /before the agent can work: the key workloadGroup\.name is missing/);
    assert.equal(await isEmergencyHeld(terminal.paths), true);
    assert.match(await terminal.config(), /^hold: true$/m);
    assert.equal((await terminal.type(['unhold'])).code, 0);
    assert.equal(await isEmergencyHeld(terminal.paths), false);
    assert.equal((await terminal.type(['set', 'hold', 'true'])).code, 0);
    assert.equal(await isEmergencyHeld(terminal.paths), true, 'set does the same');
  });

  it('is over with unhold also while the file has errors', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig('holds: true\n');
    assert.equal((await terminal.type(['hold'])).code, 0);
    const over = await terminal.type(['unhold']);
    assert.equal(over.code, 0);
    assert.match(over.stdout, /^the hold in \S+ is removed$/m);
    assert.match(over.stderr, /hold was not written to .*unknown key "holds"/s);
    assert.equal(await isEmergencyHeld(terminal.paths), false);
    const { code, stderr } = await terminal.type(['unhold']);
    assert.deepEqual([code, /unknown key "holds"/.test(stderr)], [78, true], 'there is nothing to end');
  });
});
