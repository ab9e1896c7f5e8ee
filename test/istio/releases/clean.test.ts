import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { foldersInUse } from '../../../src/host/programs/in-use.ts';
import { RELEASE_FILES, type ReleaseId } from '../../../src/istio/release.ts';
import { cleanReleases } from '../../../src/istio/releases/clean.ts';
import { stageRelease } from '../../../src/istio/releases/stage.ts';
import { Scene } from './scene.ts';

const NONE: ReadonlySet<ReleaseId> = new Set();

/** Five releases, the oldest first. */
async function withFive(scene: Scene): Promise<[ReleaseId, ReleaseId, ReleaseId, ReleaseId, ReleaseId]> {
  const request = await scene.request('1.31.0');
  const ids: ReleaseId[] = [];
  for (const day of [1, 2, 3, 4, 5]) {
    const changed = { ...request, revision: `r${day}` };
    ids.push((await stageRelease(scene.store, changed, { now: new Date(`2026-11-0${day}`) })).id);
  }
  return ids as [ReleaseId, ReleaseId, ReleaseId, ReleaseId, ReleaseId];
}

async function runsEnvoyOf(folder: string): Promise<ChildProcess> {
  const envoy = spawn(join(folder, RELEASE_FILES.envoy), ['infinity'], { stdio: 'ignore' });
  await once(envoy, 'spawn');
  return envoy;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'close');
}

describe('cleaning up', () => {
  it('keeps what is active, staged and running, and the newest of the others', async () => {
    await using scene = await Scene.begin();
    const [first, second, third, fourth, fifth] = await withFive(scene);
    await scene.store.setActive(first);
    await scene.store.setStaged(second);
    assert.deepEqual((await cleanReleases(scene.store, new Set([third]))).sort(), [fourth]);
    assert.deepEqual((await readdir(scene.paths.releases)).sort(), [first, second, third, fifth].sort());
    assert.deepEqual(await cleanReleases(scene.store, new Set([third])), []);
  });

  it('never deletes a release that a process executes, also where links and callers do not name it', async () => {
    await using scene = await Scene.begin();
    const [first, , , , fifth] = await withFive(scene);
    const envoy = await runsEnvoyOf(scene.store.folder(first));
    try {
      await cleanReleases(scene.store, NONE);
      assert.deepEqual((await readdir(scene.paths.releases)).sort(), [first, fifth].sort());
    } finally {
      await end(envoy);
    }
    await cleanReleases(scene.store, NONE);
    assert.deepEqual(await readdir(scene.paths.releases), [fifth]);
  });

  it('restores a running release that was about to be deleted when the agent was killed', async () => {
    await using scene = await Scene.begin();
    const [first, , , , fifth] = await withFive(scene);
    const envoy = await runsEnvoyOf(scene.store.folder(first));
    try {
      await rename(scene.store.folder(first), join(scene.paths.releases, `.trash-${first}.00112233`));
      await cleanReleases(scene.store, NONE);
      assert.deepEqual((await readdir(scene.paths.releases)).sort(), [first, fifth].sort());
    } finally {
      await end(envoy);
    }
  });

  it('removes what killed runs left, and nothing that is not ours', async () => {
    await using scene = await Scene.begin();
    const [, , , , fifth] = await withFive(scene);
    const { releases } = scene.paths;
    for (const name of ['.new-1.32.0-0123456789ab.00112233', '.trash-x.00112233', '1.29.0-0123456789ab', 'notes']) {
      await mkdir(join(releases, name, 'bin'), { recursive: true });
    }
    await writeFile(join(releases, '..', '.staged.4194305-00112233.smm-new'), '');
    await cleanReleases(scene.store, NONE);
    assert.deepEqual((await readdir(releases)).sort(), [fifth, 'notes'].sort());
    assert.deepEqual(await readdir(join(releases, '..')), ['releases']);
  });

  it('deletes nothing while a link cannot be understood', async () => {
    await using scene = await Scene.begin();
    await withFive(scene);
    await symlink('/usr/local', scene.paths.active);
    await assert.rejects(cleanReleases(scene.store, NONE), { code: 'SMM440' });
    assert.equal((await readdir(scene.paths.releases)).length, 5);
  });
});

describe('which releases run', () => {
  it('is asked of /proc, and nothing else', async () => {
    await using scene = await Scene.begin();
    const [first] = await withFive(scene);
    assert.deepEqual(await foldersInUse(scene.paths.releases), new Set());
    const envoy = await runsEnvoyOf(scene.store.folder(first));
    try {
      assert.deepEqual(await foldersInUse(scene.paths.releases), new Set([first]));
    } finally {
      await end(envoy);
    }
  });
});
