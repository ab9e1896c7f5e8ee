import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { copyHashed, moveToTrash, removeTree, sha256OfFile, syncTree } from '../../../src/host/files/trees.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const CONTENT = Buffer.alloc(700_001, 'content');
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

describe('a large file', () => {
  it('is hashed block by block', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'file'), CONTENT);
    assert.equal(await sha256OfFile(join(folder.path, 'file')), SHA256);
  });

  it('is copied with the hash of what was copied and a mode of its own', async () => {
    await using folder = await temporaryFolder();
    const to = join(folder.path, 'to');
    await writeFile(join(folder.path, 'from'), CONTENT, { mode: 0o600 });
    assert.equal(await copyHashed(join(folder.path, 'from'), to, 0o755), SHA256);
    assert.equal((await lstat(to)).mode & 0o7777, 0o755);
    assert.ok(CONTENT.equals(await readFile(to)));
  });

  it('is not read through a link, nor after an abort', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'file'), CONTENT);
    await symlink('file', join(folder.path, 'link'));
    await assert.rejects(sha256OfFile(join(folder.path, 'link')), { code: 'SMM520' });
    const reason = new Error('stopping');
    await assert.rejects(sha256OfFile(join(folder.path, 'file'), AbortSignal.abort(reason)), reason);
  });
});

describe('a folder', () => {
  it('is out of sight before it is deleted, and links out of it are not followed', async () => {
    await using folder = await temporaryFolder();
    const release = join(folder.path, 'release');
    await mkdir(join(release, 'bin'), { recursive: true });
    await writeFile(join(folder.path, 'outside'), '');
    await symlink('../outside', join(release, 'link'));
    await syncTree(release);
    const trash = await moveToTrash(release);
    assert.match(trash ?? '', /\/\.trash-release\.[0-9a-f]{8}$/);
    assert.deepEqual((await readdir(folder.path)).length, 2);
    await removeTree(trash as string);
    assert.deepEqual(await readdir(folder.path), ['outside']);
  });

  it('may be gone already', async () => {
    await using folder = await temporaryFolder();
    assert.equal(await moveToTrash(join(folder.path, 'release')), null);
    await removeTree(join(folder.path, 'release'));
  });
});
