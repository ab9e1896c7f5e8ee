import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { freeSpace, requireSpace } from '../../../src/host/files/disk-space.ts';

describe('room on disk', () => {
  it('is that of the nearest folder that exists', async () => {
    const { freeBytes } = await freeSpace(join(tmpdir(), 'not/there/yet'));
    assert.ok(freeBytes > 0);
  });

  it('suffices for a little', () => requireSpace(tmpdir(), 1, 1));

  it('is told with what is needed and what is free when it does not suffice', async () => {
    await assert.rejects(requireSpace(tmpdir(), 9e18, 1), {
      code: 'SMM523',
      message: /cannot use the file system of .*: 9000000000000\.0 MB are needed and \d+\.\d MB are free$/,
    });
  });

  it('means inodes as well', async (t) => {
    if ((await freeSpace(tmpdir())).freeInodes === null)
      return t.skip('this file system has no fixed number of inodes');
    await assert.rejects(requireSpace(tmpdir(), 1, 2 ** 52), {
      code: 'SMM523',
      message: /inodes are needed and \d+ are free/,
    });
  });
});
