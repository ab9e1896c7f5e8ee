/**
 * Credentials on a network mount whose server is gone. A FUSE mount without a server hangs in the same way: in open(2),
 * and for ever.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../support/temporary.ts';

const MOUNT = `exec 3<>/dev/fuse
mount -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none "$1"
exec timeout -s KILL 30 "$2" "$3" "$1/token" "$4"`;

describe('a token on a mount that hangs', () => {
  it('is an answer within the deadline of each request, and leaves the agent its threads', async () => {
    await using folder = await temporaryFolder();
    await using mount = await temporaryFolder();
    const caFile = join(folder.path, 'ca');
    await writeFile(caFile, 'none');
    const main = join(import.meta.dirname, 'hung-mount-main.ts');
    // In a namespace of its own: the mount is gone with the last process in it.
    const argv = ['--mount', 'sh', '-ec', MOUNT, 'sh', mount.path, process.execPath, main, caFile];
    const child = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const said = JSON.parse(await text(child.stdout)) as string[];
    assert.equal(said.length, 5);
    for (const sentence of said) {
      assert.match(sentence, /cannot read the token file .*: the file system that it lies on does not answer/);
    }
  });
});
