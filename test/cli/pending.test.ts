import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openTerminal } from '../support/terminal.ts';

describe('smm-agent pending, when it cannot look at the machine', () => {
  for (const [what, script] of [
    ['systemd does not answer', 'exit 1'],
    ['the answer of systemd cannot be understood', 'echo nonsense'],
  ] as const) {
    it(`says unknown and never "no": ${what}`, async () => {
      await using terminal = await openTerminal();
      const folder = join(terminal.paths.root, 'usr/bin');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'systemctl'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const { code, stdout, stderr } = await terminal.type(['pending']);
      assert.equal(code, 2, stderr);
      assert.match(stdout, /^unknown: /);
      assert.match(stderr, /\(SMM\d{3}\)\n {2}what to do: /);
      const json = JSON.parse((await terminal.type(['pending', '--json'])).stdout);
      assert.equal(json.pending, 'unknown');
    });
  }
});
