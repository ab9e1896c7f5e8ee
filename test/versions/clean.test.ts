import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/host/clock.ts';
import { forgetVersions } from '../../src/versions/clean.ts';
import { keepEvidence, readEvidence } from '../../src/versions/evidence.ts';
import { VersionRejections } from '../../src/versions/rejections.ts';
import { NEW, NEXT_NODE, NODE, OLD, UpgradeScene } from './scene.ts';

describe('forgetVersions', () => {
  it('removes a version with its runtime and its evidence', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: NEW, runtime: NEXT_NODE });
    await keepEvidence(scene.paths, NEW, 'last words\n');
    await keepEvidence(scene.paths, OLD, 'other words\n');
    await forgetVersions(scene.store, [NEW]);
    assert.deepEqual([await scene.names('versions'), await scene.names('runtimes')], [[OLD], [NODE]]);
    assert.deepEqual(
      [await readEvidence(scene.paths, NEW), await readEvidence(scene.paths, OLD)],
      [null, 'other words'],
    );
  });

  it('keeps the evidence of a rejected version, for the history', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: NEW });
    await keepEvidence(scene.paths, NEW, 'last words\n');
    const rejections = new VersionRejections(scene.paths, systemClock);
    await rejections.refuse(NEW, 'it ended by itself', OLD);
    await forgetVersions(scene.store, [NEW]);
    assert.deepEqual([await scene.names('versions'), await readEvidence(scene.paths, NEW)], [[OLD], 'last words']);
    await rejections.clear();
    await forgetVersions(scene.store, []);
    assert.equal(await readEvidence(scene.paths, NEW), null);
  });

  it('keeps a version that is current or previous by now', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: NEW });
    await scene.install({ version: '0.1.0' });
    await scene.store.setLink('current', NEW);
    await scene.store.setLink('previous', OLD);
    await forgetVersions(scene.store, [NEW, OLD, '0.1.0']);
    assert.deepEqual(await scene.names('versions'), [OLD, NEW]);
  });

  it('keeps a runtime from which a process runs', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: NEW, runtime: NEXT_NODE });
    const program = join(scene.store.runtimeFolder(NEXT_NODE), 'bin/runs');
    await copyFile('/bin/sleep', program);
    const running = spawn(program, ['1000'], { stdio: 'ignore' });
    try {
      await once(running, 'spawn');
      await forgetVersions(scene.store, [NEW]);
      assert.deepEqual(await scene.names('runtimes'), [NODE, NEXT_NODE]);
    } finally {
      running.kill('SIGKILL');
      await once(running, 'exit');
    }
    await forgetVersions(scene.store, []);
    assert.deepEqual(await scene.names('runtimes'), [NODE]);
  });

  it('keeps files and folders that are not of the agent', async () => {
    await using scene = await UpgradeScene.begin();
    await mkdir(join(scene.paths.versions, 'lost+found'));
    await writeFile(join(scene.paths.runtimes, 'README'), '');
    await forgetVersions(scene.store, []);
    assert.deepEqual(await scene.names('versions'), [OLD, 'lost+found']);
    assert.deepEqual(await scene.names('runtimes'), [NODE, 'README']);
  });
});
