import assert from 'node:assert/strict';
import { appendFile, chmod, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { agentTarget } from '../../src/downloads/targets.ts';
import { withFileLock } from '../../src/host/files/file-lock.ts';
import { readProbation } from '../../src/versions/probation.ts';
import { until } from '../support/until.ts';
import { assertUnchanged, healthy, NEW, NEXT_NODE, NODE, OLD, UpgradeScene, writeManifest } from './scene.ts';

/** Resolves when a process waits for the lock on a folder. */
async function isWaitedFor(folder: string): Promise<void> {
  const { ino } = await stat(folder);
  const waits = new RegExp(`-> FLOCK .*:${ino} `);
  await until(
    'the lock to be waited for',
    () => readFile('/proc/locks', 'utf8'),
    (locks) => waits.test(locks),
  );
}

describe('upgradeAgent', () => {
  it('switches to the new version on probation, without a restart', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await scene.upgrade();
    assert.deepEqual(await scene.links(), { current: NEW, previous: OLD });
    assert.equal(await scene.store.isSound(NEW), true);
    const probation = await readProbation(scene.paths);
    assert.deepEqual([probation?.from, probation?.to, probation?.previous], [OLD, NEW, null]);
    assert.match(await readFile(scene.paths.probation, 'utf8'), /^boot=boot-1\nspan=50\npower_cuts=0\nended=no$/m);
    assert.deepEqual(scene.restarts, []);
    assert.deepEqual(await scene.names('versions'), [OLD, NEW]);
  });

  it('does not download a runtime that is on disk', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await scene.upgrade();
    assert.deepEqual(scene.fetched, [agentTarget(NEW)]);
  });

  it('downloads the runtime of the new version, and uses the old runtime again after a rollback', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW, runtime: NEXT_NODE });
    await scene.upgrade();
    assert.equal(scene.fetched.length, 2);
    assert.deepEqual(await scene.names('runtimes'), [NODE, NEXT_NODE]);
    assert.match(await readFile(join(scene.paths.current, 'node/bin/node'), 'utf8'), /^# Node 26\.1\.0$/m);
    await rm(scene.paths.probation);
    await scene.upgrade(NEW, OLD);
    assert.equal(scene.fetched.length, 2, 'it is on disk');
    assert.match(await readFile(join(scene.paths.current, 'node/bin/node'), 'utf8'), /^# Node 24\.21\.0$/m);
  });

  it('downloads a version again when its folder on disk is damaged', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: NEW });
    await appendFile(join(scene.store.folder(NEW), 'smm-agent.js'), '# changed\n');
    await scene.publish({ version: NEW });
    await scene.upgrade();
    assert.deepEqual(scene.fetched, [agentTarget(NEW)]);
    assert.equal(await scene.store.isSound(NEW), true);
    assert.deepEqual(await scene.names('versions'), [OLD, NEW]);
  });

  it('removes temporary folders of earlier tries', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    for (const name of ['.new-0.9.0.12345678', '.trash-0.1.0.12345678']) {
      await writeManifest(scene.paths.versions, {}, {});
      await rm(join(scene.paths.versions, 'release.json'));
      await symlink('/', join(scene.paths.versions, name));
    }
    await scene.upgrade();
    assert.deepEqual(await scene.names('versions'), [OLD, NEW]);
  });
});

describe('an upgrade that is refused or fails', () => {
  it('is refused when the unit does not run agent-guard, which rolls back a bad version', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    scene.unit = { execStopPost: [] };
    await assert.rejects(scene.upgrade(), { code: 'SMM704', message: /does not run agent-guard/ });
    await assertUnchanged(scene);
    assert.deepEqual(scene.fetched, []);
  });

  it('is refused when current is another version, because a package was installed', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: '0.2.5' });
    await scene.publish({ version: NEW });
    await scene.store.setLink('current', '0.2.5');
    await assert.rejects(scene.upgrade(), { code: 'SMM703', message: /current is now 0\.2\.5/ });
    assert.deepEqual(scene.restarts, []);
  });

  it('fails without a rejection when a package removes the version or its runtime meanwhile', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: NEW, runtime: NEXT_NODE });
    await scene.publish({ version: NEW, runtime: NEXT_NODE });
    for (const removed of [scene.store.runtimeFolder(NEXT_NODE), scene.store.folder(NEW)]) {
      let upgrade: Promise<void> | null = null;
      await withFileLock(scene.paths.opt, async () => {
        upgrade = scene.upgrade();
        await isWaitedFor(scene.paths.opt);
        await rename(removed, `${removed}.gone`);
      });
      const said = { code: 'SMM703', message: /the files of 0\.3\.0 on disk were removed meanwhile/ };
      await assert.rejects(Promise.resolve(upgrade), said);
      await assertUnchanged(scene);
      await rename(`${removed}.gone`, removed);
    }
    await scene.upgrade();
    assert.equal(await scene.store.link('current'), NEW);
  });

  it('is refused while a version is on probation', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await scene.upgrade();
    await scene.publish({ version: '0.4.0' });
    await assert.rejects(scene.upgrade(NEW, '0.4.0'), { code: 'SMM703', message: /0\.3\.0 is on probation/ });
    assert.deepEqual(await scene.links(), { current: NEW, previous: OLD });
  });

  it('is refused before anything is downloaded', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await scene.store.setLink('current', '0.2.5');
    await assert.rejects(scene.upgrade(), { code: 'SMM703' });
    assert.deepEqual(scene.fetched, []);
  });

  it('is not refused because of the old probation of a version that is not current any more', async () => {
    await using scene = await UpgradeScene.begin();
    const { paths, store } = scene;
    await scene.publish({ version: NEW });
    await scene.upgrade();
    await store.setLink('current', OLD);
    // A try that fails removes the old probation too.
    await scene.publish({ version: '0.3.9', program: 'exit 1\n' });
    await assert.rejects(scene.upgrade(OLD, '0.3.9'), { code: 'SMM702' });
    assert.equal(await readProbation(paths), null);
    await scene.publish({ version: '0.4.0' });
    await scene.upgrade(OLD, '0.4.0');
    assert.deepEqual(await scene.links(), { current: '0.4.0', previous: OLD });
    assert.equal((await readProbation(paths))?.to, '0.4.0');
  });

  it('leaves no probation behind when the link cannot be made, because every later try would be refused', async () => {
    await using scene = await UpgradeScene.begin();
    const { current } = scene.paths;
    // Nothing can be renamed over a folder.
    const spoils = `rm '${current}'; mkdir '${current}'\n`;
    await scene.publish({ version: NEW, program: `${spoils}${healthy(NEW)}` });
    await assert.rejects(scene.upgrade(), { code: 'SMM521' });
    assert.equal(await readProbation(scene.paths), null);
    await rm(current, { recursive: true });
    await scene.store.setLink('current', OLD);
    await scene.publish({ version: '0.4.0' });
    await scene.upgrade(OLD, '0.4.0');
    assert.deepEqual(await scene.links(), { current: '0.4.0', previous: OLD });
  });

  it('leaves only the downloads behind when it is aborted', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await assert.rejects(scene.upgrade(OLD, NEW, AbortSignal.abort(new Error('ended'))), { message: 'ended' });
    await assertUnchanged(scene);
    assert.deepEqual(await scene.names('versions'), [OLD]);
  });

  it('treats a version as damaged when a file has another mode than in release.json', async () => {
    await using scene = await UpgradeScene.begin();
    await chmod(join(scene.store.folder(OLD), 'smm-agent.js'), 0o666);
    assert.equal(await scene.store.isSound(OLD), false);
  });
});
