import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathsUnder } from '../../src/base/paths.ts';
import { Tidying } from '../../src/daemon/tidying.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('the tidying of a daemon', () => {
  it('does not fail the turn if versions cannot be locked, logs that once, and goes on with the rest', async () => {
    await using folder = await temporaryFolder();
    const paths = pathsUnder(folder.path);
    await mkdir(paths.state, { recursive: true });
    const lines: string[] = [];
    const say = (sentence: string) => void lines.push(sentence);
    const tidying = new Tidying({ paths, log: { debug: say, info: say, warn: say, error: say }, invocation: 'i-1' });
    await tidying.run();
    await tidying.run();
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /^cannot remove the leftovers of killed runs: cannot lock .*opt\/smm-agent/);
    assert.equal(existsSync(join(paths.state, 'format')), true);
  });
});
