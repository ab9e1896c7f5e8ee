import assert from 'node:assert/strict';
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { describeError } from '../../../src/base/errors.ts';
import {
  isRoot,
  makeFolder,
  readText,
  removeFile,
  removeLeftovers,
  replaceLink,
  writeAtomically,
} from '../../../src/host/files/files.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('writing a file', () => {
  it('gives it content and mode, with any umask', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'file');
    const umask = process.umask(0o077);
    try {
      await writeAtomically(path, 'content', { mode: 0o644 });
    } finally {
      process.umask(umask);
    }
    assert.equal(await readFile(path, 'utf8'), 'content');
    assert.equal((await lstat(path)).mode & 0o7777, 0o644);
    assert.deepEqual(await readdir(folder.path), ['file']);
  });

  it('gives it an owner as root, and leaves the owner alone without', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'file');
    await writeAtomically(path, 'content', { mode: 0o600, owner: { uid: 65534, gid: 65534 } });
    const stat = await lstat(path);
    assert.equal(stat.uid, isRoot() ? 65534 : process.getuid?.());
  });

  it('replaces a link instead of writing through it', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'file');
    await writeFile(join(folder.path, 'elsewhere'), 'untouched');
    await symlink('elsewhere', path);
    await writeAtomically(path, 'content', { mode: 0o644 });
    assert.equal(await readFile(join(folder.path, 'elsewhere'), 'utf8'), 'untouched');
    assert.ok((await lstat(path)).isFile());
  });

  it('says so when the folder is missing, and leaves nothing behind', async () => {
    await using folder = await temporaryFolder();
    await assert.rejects(writeAtomically(join(folder.path, 'no/file'), '', { mode: 0o644 }), { code: 'SMM521' });
    await mkdir(join(folder.path, 'taken/full'), { recursive: true });
    await assert.rejects(writeAtomically(join(folder.path, 'taken'), '', { mode: 0o644 }), { code: 'SMM521' });
    assert.deepEqual(await readdir(folder.path), ['taken']);
  });

  it('says the same each time that it fails, so that a journal has it once', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'missing/file');
    const failure = () => writeAtomically(path, '', { mode: 0o644 }).then(String, describeError);
    assert.equal(await failure(), `cannot write ${path}: ENOENT: no such file or directory`);
  });
});

describe('a write that was killed before', () => {
  const DEAD = 2 ** 22 + 1;

  it('leaves a temporary file that the next write of the same file removes', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, `.file.${DEAD}-0011aabb.smm-new`), 'half');
    await writeFile(join(folder.path, `.other.${DEAD}-0011aabb.smm-new`), 'half');
    await writeAtomically(join(folder.path, 'file'), 'whole', { mode: 0o644 });
    assert.deepEqual((await readdir(folder.path)).sort(), [`.other.${DEAD}-0011aabb.smm-new`, 'file']);
    await removeLeftovers(folder.path);
    assert.deepEqual(await readdir(folder.path), ['file']);
  });

  it('is told from one that is under way: its writer lives and it is young', async () => {
    await using folder = await temporaryFolder();
    const young = join(folder.path, `.file.${process.pid}-0011aabb.smm-new`);
    const old = join(folder.path, `.file.${process.pid}-2233ccdd.smm-new`);
    await writeFile(young, '');
    await writeFile(old, '');
    await utimes(old, new Date(0), new Date(0));
    await removeLeftovers(folder.path);
    assert.deepEqual(await readdir(folder.path), [`.file.${process.pid}-0011aabb.smm-new`]);
  });
});

describe('a link', () => {
  it('is replaced in one step, also where it dangles', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'active');
    await replaceLink(path, 'releases/one');
    await replaceLink(path, 'releases/two');
    assert.equal(await readlink(path), 'releases/two');
    assert.deepEqual(await readdir(folder.path), ['active']);
  });
});

describe('reading and removing', () => {
  it('take an absent file for absent', async () => {
    await using folder = await temporaryFolder();
    assert.equal(await readText(join(folder.path, 'file')), null);
    await removeFile(join(folder.path, 'file'));
  });

  it('take an unreadable one for an error', async () => {
    await using folder = await temporaryFolder();
    await assert.rejects(readText(folder.path), { code: 'SMM520', message: `cannot read ${folder.path}` });
    await assert.rejects(removeFile(folder.path), { code: 'SMM521' });
  });

  it('does not read one that is larger than any file of text', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'file');
    await writeFile(path, '');
    // It takes no room on the disk.
    await truncate(path, 16 * 1024 * 1024 + 1);
    const refusal = (error: unknown) => /it has 16777217 bytes; at most 16777216 are read/.test(describeError(error));
    await assert.rejects(readText(path), refusal);
  });
});

describe('making a folder', () => {
  it('leaves a folder that hands its group on as it is, and so do those that are made in it', async () => {
    await using folder = await temporaryFolder();
    const releases = join(folder.path, 'releases');
    await mkdir(releases);
    await chmod(releases, 0o2755);
    await makeFolder(releases, 0o755);
    await makeFolder(join(releases, 'new/bin'), 0o755);
    for (const path of [releases, join(releases, 'new'), join(releases, 'new/bin')]) {
      assert.equal((await lstat(path)).mode & 0o7777, 0o2755, path);
    }
  });

  it('gives it and its new parents the mode, with any umask, and does not change existing parents', async () => {
    await using folder = await temporaryFolder();
    const umask = process.umask(0o077);
    try {
      await makeFolder(join(folder.path, 'a/b/c'), 0o755);
    } finally {
      process.umask(umask);
    }
    for (const path of ['a', 'a/b', 'a/b/c']) assert.equal((await lstat(join(folder.path, path))).mode & 0o7777, 0o755);
    assert.equal((await lstat(folder.path)).mode & 0o7777, 0o700);
    await makeFolder(join(folder.path, 'a/b'), 0o700);
    assert.equal((await lstat(join(folder.path, 'a/b'))).mode & 0o7777, 0o700);
  });
});
