import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { confirmVersion } from '../../src/versions/confirm.ts';
import { type Probation, readProbation } from '../../src/versions/probation.ts';
import { NEW, OLD, UpgradeScene } from './scene.ts';

async function onProbation(): Promise<{ scene: UpgradeScene; probation: Probation }> {
  const scene = await UpgradeScene.begin();
  await scene.publish({ version: NEW });
  await scene.upgrade();
  const probation = await readProbation(scene.paths);
  assert.ok(probation);
  return { scene, probation };
}

describe('a version that confirms itself', () => {
  it('is recorded in the history before its probation ends', async () => {
    const { scene, probation } = await onProbation();
    await using _scene = scene;
    let wasOnProbation: Probation | null = null;
    await confirmVersion(scene.paths, probation, async () => {
      wasOnProbation = await readProbation(scene.paths);
    });
    assert.equal((wasOnProbation as Probation | null)?.id, probation.id);
    assert.equal(await readProbation(scene.paths), null);
    assert.deepEqual(await scene.links(), { current: NEW, previous: OLD });
  });

  it('sets the link previous if the switch was killed before it could', async () => {
    const { scene, probation } = await onProbation();
    await using _scene = scene;
    await scene.store.setLink('previous', null);
    await confirmVersion(scene.paths, probation, async () => {});
    assert.deepEqual(await scene.links(), { current: NEW, previous: OLD });
  });

  it('does nothing when another probation has begun', async () => {
    const { scene, probation } = await onProbation();
    await using _scene = scene;
    const noted: string[] = [];
    const other = { ...probation, id: 'another' };
    assert.equal(await confirmVersion(scene.paths, other, async () => void noted.push('noted')), null);
    assert.deepEqual(noted, []);
    assert.equal((await readProbation(scene.paths))?.id, probation.id);
  });
});

describe('the file of a probation', () => {
  it('is read with the changes that agent-guard and agent-deadline make', async () => {
    const { scene, probation } = await onProbation();
    await using _scene = scene;
    const text = await readFile(scene.paths.probation, 'utf8');
    await writeFile(
      scene.paths.probation,
      text.replace(/^deadline=.*$/m, 'deadline=77').replace(/^extended=0$/m, 'extended=2'),
    );
    assert.deepEqual(await readProbation(scene.paths), { ...probation, deadline: 77, extended: 2 });
  });

  it('counts as no probation when it does not name versions', async () => {
    const { scene } = await onProbation();
    await using _scene = scene;
    await writeFile(scene.paths.probation, 'from=../../etc\nto=0.3.0\n');
    assert.equal(await readProbation(scene.paths), null);
  });
});
