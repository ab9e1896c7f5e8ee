import assert from 'node:assert/strict';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/host/clock.ts';
import { readLeftVersion } from '../../src/versions/operators-choice.ts';
import { readProbation } from '../../src/versions/probation.ts';
import { rollback } from '../../src/versions/rollback.ts';
import { healthy, NEW, OLD, UpgradeScene } from './scene.ts';

/** NEW is current and confirmed; OLD is the version before. */
async function upgraded(): Promise<UpgradeScene> {
  const scene = await UpgradeScene.begin();
  await scene.publish({ version: NEW });
  await scene.upgrade();
  await rm(scene.paths.probation);
  scene.restarts.length = 0;
  return scene;
}

const back = ({ paths, services }: UpgradeScene) => rollback({ paths, clock: systemClock, services });

describe('a rollback by an operator', () => {
  it('runs the self-check of the version before, puts it on probation and restarts', async () => {
    await using scene = await upgraded();
    assert.deepEqual(await back(scene), { from: NEW, to: OLD, knowsProbation: true });
    assert.deepEqual(await scene.links(), { current: OLD, previous: NEW });
    assert.equal((await readProbation(scene.paths))?.to, OLD);
    assert.deepEqual(scene.restarts, ['smm-agent.service']);
    const left = await readLeftVersion(scene.paths);
    assert.deepEqual([left?.version, left?.for], [NEW, OLD]);
  });

  it('ends the probation of the current version, and needs no probation itself', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await scene.upgrade();
    assert.deepEqual(await back(scene), { from: NEW, to: OLD, knowsProbation: true });
    assert.deepEqual(await scene.links(), { current: OLD, previous: null });
    assert.equal(await readProbation(scene.paths), null);
    assert.equal((await readLeftVersion(scene.paths))?.version, NEW);
  });

  it('to a version before 0.2.0 needs no self-check and no probation, which that version does not have', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: '0.1.0', program: 'exit 64\n' });
    await scene.store.setLink('previous', '0.1.0');
    assert.deepEqual(await back(scene), { from: OLD, to: '0.1.0', knowsProbation: false });
    assert.deepEqual(await scene.links(), { current: '0.1.0', previous: OLD });
    assert.equal(await readProbation(scene.paths), null);
  });

  it('is refused when there is no version before it', async () => {
    await using scene = await UpgradeScene.begin();
    await assert.rejects(back(scene), { code: 'SMM707', message: /there is no version before it/ });
    await scene.store.setLink('current', null);
    const message = 'cannot go back: no current version of smm-agent is known';
    await assert.rejects(back(scene), { code: 'SMM707', message });
    assert.deepEqual(scene.restarts, []);
  });

  it('is refused when the version before is damaged or fails its self-check', async () => {
    await using scene = await upgraded();
    await appendFile(join(scene.store.folder(OLD), 'smm-agent.js'), '# damaged\n');
    await assert.rejects(back(scene), { code: 'SMM707', message: /0\.2\.0 is not complete on disk/ });
    await rm(scene.store.folder(OLD), { recursive: true });
    await scene.install({
      version: OLD,
      program: healthy(OLD, [{ name: 'state', ok: false, said: 'its format is 2' }]),
    });
    await assert.rejects(back(scene), { code: 'SMM702', message: /state: its format is 2/ });
    assert.deepEqual(await scene.links(), { current: NEW, previous: OLD });
    assert.equal(await readLeftVersion(scene.paths), null);
    assert.deepEqual(scene.restarts, []);
  });
});
