import assert from 'node:assert/strict';
import { mkdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { stageRelease } from '../../../src/istio/releases/stage.ts';
import { Scene } from './scene.ts';

describe('the links', () => {
  it('are absent on a fresh machine, and set and withdrawn in one step', async () => {
    await using scene = await Scene.begin();
    assert.equal(await scene.store.link('staged'), null);
    assert.equal(await scene.store.linkedSince('staged'), null);
    await scene.store.setStaged('1.31.0-0123456789ab');
    assert.equal(await readlink(scene.paths.staged), 'releases/1.31.0-0123456789ab');
    assert.equal(await scene.store.link('staged'), '1.31.0-0123456789ab');
    const since = await scene.store.linkedSince('staged');
    await scene.store.setStaged('1.31.0-0123456789ab');
    assert.deepEqual(await scene.store.linkedSince('staged'), since);
    await scene.store.setStaged(null);
    await scene.store.setStaged(null);
    assert.equal(await scene.store.link('staged'), null);
  });

  it('name a release also where it is gone: that is another finding than "no link"', async () => {
    await using scene = await Scene.begin();
    const { id } = await stageRelease(scene.store, await scene.request('1.31.0'));
    await scene.store.setStaged(id);
    await rm(scene.store.folder(id), { recursive: true });
    assert.equal(await scene.store.link('staged'), id);
    assert.equal(await scene.store.read(id), null);
  });

  it('are an error where they are none of ours', async () => {
    await using scene = await Scene.begin();
    await mkdir(dirname(scene.paths.active), { recursive: true });
    for (const target of [
      '/usr/local',
      'releases',
      'releases/../../bin',
      'releases/1.31.0-0123456789ab/bin',
      'releases/.new-x',
    ]) {
      await symlink(target, scene.paths.active);
      await assert.rejects(scene.store.link('active'), { code: 'SMM440', message: /it points to/ }, target);
      await rm(scene.paths.active);
    }
    await writeFile(scene.paths.active, '');
    await assert.rejects(scene.store.link('active'), { code: 'SMM440', message: /it is not a symbolic link/ });
  });
});

describe('the list of releases', () => {
  it('has only complete ones, the oldest first', async () => {
    await using scene = await Scene.begin();
    assert.deepEqual(await scene.store.list(), []);
    const newer = await stageRelease(scene.store, await scene.request('1.30.0'), { now: new Date('2026-11-02') });
    const older = await stageRelease(scene.store, await scene.request('1.31.0'), { now: new Date('2026-11-01') });
    await mkdir(scene.store.folder('1.29.0-0123456789ab'));
    await mkdir(join(scene.paths.releases, '.new-1.28.0-0123456789ab.00112233'));
    await mkdir(scene.store.folder('1.27.0-0123456789ab'));
    // Copied by hand under another name: the manifest speaks of another release.
    await writeFile(join(scene.store.folder('1.27.0-0123456789ab'), 'release.json'), JSON.stringify(older));
    assert.deepEqual(await scene.store.list(), [older, newer]);
  });

  it('is an error where a release cannot be read: it is not the same as absent', async () => {
    await using scene = await Scene.begin();
    await mkdir(join(scene.store.folder('1.29.0-0123456789ab'), 'release.json'), { recursive: true });
    await assert.rejects(scene.store.list(), { code: 'SMM520' });
  });
});
