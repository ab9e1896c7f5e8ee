import assert from 'node:assert/strict';
import { appendFile, chmod, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { agentTarget } from '../../src/downloads/targets.ts';
import { withFileLock } from '../../src/host/files/file-lock.ts';
import { readProbation } from '../../src/versions/probation.ts';
import { until } from '../support/until.ts';
import { assertUnchanged, healthy, NEW, NEXT_NODE, NODE, OLD, UpgradeScene, writeManifest } from './scene.ts';

/** Resolves when somebody waits for the lock on a folder. */
async function isWaitedFor(folder: string): Promise<void> {
  const { ino } = await stat(folder);
  const waits = new RegExp(`-> FLOCK .*:${ino} `);
  await until(
    'the lock to be waited for',
    () => readFile('/proc/locks', 'utf8'),
    (locks) => waits.test(locks),
  );
}

describe('the agent becomes another version', () => {
  it('by putting it in place, on probation; the restart comes later', async () => {
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

  it('on the runtime that is there, which is not downloaded again', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await scene.upgrade();
    assert.deepEqual(scene.fetched, [agentTarget(NEW)]);
  });

  it('on a runtime of its own, and back on the one before', async () => {
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

  it('once more from the repository, where the folder on disk is damaged', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: NEW });
    await appendFile(join(scene.store.folder(NEW), 'smm-agent.js'), '# changed\n');
    await scene.publish({ version: NEW });
    await scene.upgrade();
    assert.deepEqual(scene.fetched, [agentTarget(NEW)]);
    assert.equal(await scene.store.isSound(NEW), true);
    assert.deepEqual(await scene.names('versions'), [OLD, NEW]);
  });

  it('and sweeps what earlier tries have left', async () => {
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

describe('an upgrade that must not be', () => {
  it('without the guard around the service is refused: nobody would put a bad version back', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    scene.unit = { execStopPost: [] };
    await assert.rejects(scene.upgrade(), { code: 'SMM704', message: /does not run agent-guard/ });
    await assertUnchanged(scene);
    assert.deepEqual(scene.fetched, []);
  });

  it('from another version than the current one is refused: a package came in between', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: '0.2.5' });
    await scene.publish({ version: NEW });
    await scene.store.setLink('current', '0.2.5');
    await assert.rejects(scene.upgrade(), { code: 'SMM703', message: /current is now 0\.2\.5/ });
    assert.deepEqual(scene.restarts, []);
  });

  it('to a version that a package has removed in between is refused, and it is not to blame', async () => {
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

  it('while a version is on probation is refused', async () => {
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

  it('is not one because of a probation that was left when its version was put back: that is over', async () => {
    await using scene = await UpgradeScene.begin();
    const { paths, store } = scene;
    await scene.publish({ version: NEW });
    await scene.upgrade();
    await store.setLink('current', OLD);
    // A try that comes to nothing leaves none of it either.
    await scene.publish({ version: '0.3.9', program: 'exit 1\n' });
    await assert.rejects(scene.upgrade(OLD, '0.3.9'), { code: 'SMM702' });
    assert.equal(await readProbation(paths), null);
    await scene.publish({ version: '0.4.0' });
    await scene.upgrade(OLD, '0.4.0');
    assert.deepEqual(await scene.links(), { current: '0.4.0', previous: OLD });
    assert.equal((await readProbation(paths))?.to, '0.4.0');
  });

  it('whose link cannot be made leaves no probation behind: it would keep every later try from switching', async () => {
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

  it('that is ended leaves nothing but what was downloaded', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await assert.rejects(scene.upgrade(OLD, NEW, AbortSignal.abort(new Error('ended'))), { message: 'ended' });
    await assertUnchanged(scene);
    assert.deepEqual(await scene.names('versions'), [OLD]);
  });

  it('does not take a file with other modes than its release.json says for sound', async () => {
    await using scene = await UpgradeScene.begin();
    await chmod(join(scene.store.folder(OLD), 'smm-agent.js'), 0o666);
    assert.equal(await scene.store.isSound(OLD), false);
  });
});
