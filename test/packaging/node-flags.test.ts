import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { NODE_FLAGS } from '../../packaging/node-flags.ts';
import { projectRoot } from '../../scripts/project.ts';

describe('the flags of Node', () => {
  it('are the same in agent-run, in the same order', () => {
    const script = readFileSync(join(projectRoot, 'systemd/bin/agent-run'), 'utf8');
    const code = script.replaceAll(/^\s*#.*$/gm, '');
    assert.deepEqual(code.match(/(?<=[\s'"=])--[a-z][\w=-]*/g), NODE_FLAGS);
  });

  it('are words that a shell separates only at spaces', () => {
    for (const flag of NODE_FLAGS) assert.match(flag, /^--[a-z][a-z0-9=-]*$/);
  });
});
