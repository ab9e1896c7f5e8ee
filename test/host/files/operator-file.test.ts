import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readOperatorFile } from '../../../src/host/files/operator-file.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const never = () => new AbortController().signal;

describe('a file that an operator names', () => {
  it('is read through links, as secrets are mounted', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'token'), 'abc');
    await symlink('token', join(folder.path, 'link'));
    assert.equal(String(await readOperatorFile(join(folder.path, 'link'), never())), 'abc');
  });

  it('is refused when it is a FIFO, a folder, a device or too long, without a wait for a writer', async () => {
    await using folder = await temporaryFolder();
    const fifo = join(folder.path, 'fifo');
    execFileSync('mkfifo', [fifo]);
    await writeFile(join(folder.path, 'long'), Buffer.alloc(1_048_577));
    for (const [file, why] of [
      [fifo, /it is not a file/],
      [folder.path, /it is not a file/],
      ['/dev/zero', /it is not a file/],
      [join(folder.path, 'long'), /larger than 1048576 bytes/],
    ] as const) {
      await assert.rejects(readOperatorFile(file, never()), why);
    }
  });
});

describe('a file on a mount that hangs', () => {
  it('is waited for until the deadline and no longer, by one thread for all who ask, and read when the mount is back', async () => {
    const { promise: back, resolve } = Promise.withResolvers<Buffer>();
    const reads: string[] = [];
    const hanging = (file: string) => {
      reads.push(file);
      return back;
    };
    for (const file of ['/nfs/token', '/nfs/token', '/nfs/ca']) {
      const deadline = new AbortController();
      const asked = readOperatorFile(file, deadline.signal, hanging);
      deadline.abort();
      await assert.rejects(asked, /the file system that it lies on does not answer/);
    }
    assert.deepEqual(reads, ['/nfs/token', '/nfs/ca']);
    // A third thread of the four would leave too few for everything else.
    const third = readOperatorFile('/nfs/other', never(), hanging);
    await assert.rejects(third, /no other file is read until \/nfs\/token and \/nfs\/ca can be read/);
    const again = readOperatorFile('/nfs/token', never(), hanging);
    resolve(Buffer.from('abc'));
    assert.equal(String(await again), 'abc');
    const other = async () => Buffer.from('def');
    assert.equal(String(await readOperatorFile('/nfs/other', never(), other)), 'def');
  });
});
