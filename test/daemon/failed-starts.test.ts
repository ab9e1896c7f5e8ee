import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { pathsUnder } from '../../src/base/paths.ts';
import { failedStarts, forgetFailedStarts, holdBackMs } from '../../src/daemon/failed-starts.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('starts that failed before a turn was completed', () => {
  it('are counted by the guard, until they are forgotten', async () => {
    await using folder = await temporaryFolder();
    const paths = pathsUnder(folder.path);
    await mkdir(dirname(paths.failedStarts), { recursive: true });
    assert.equal(await failedStarts(paths), 0);
    for (const [text, count] of [
      ['count=7\n', 7],
      ['', 1],
      ['count=x\n', 0],
      ['count=-3\n', 0],
      ['\0\0', 1],
    ] as const) {
      await writeFile(paths.failedStarts, text);
      assert.equal(await failedStarts(paths), count, JSON.stringify(text));
    }
    await forgetFailedStarts(paths);
    await forgetFailedStarts(paths);
    assert.equal(await failedStarts(paths), 0);
  });

  it('make the next start wait longer each time, and each machine for another time', () => {
    const longest = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1000].map((failures) => holdBackMs(failures, 1) / 1000);
    assert.deepEqual(longest, [0, 0, 0, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
    assert.equal(holdBackMs(3, 0), 5_000);
    assert.equal(holdBackMs(1000, 0), 300_000);
  });
});
