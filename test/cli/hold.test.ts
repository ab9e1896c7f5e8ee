import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
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
});
