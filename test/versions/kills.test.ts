import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { UPGRADE_CHECKPOINTS } from '../../src/host/files/checkpoints.ts';
import { readProbation } from '../../src/versions/probation.ts';
import { NEW, NEXT_NODE, OLD, UpgradeScene } from './scene.ts';
import { UPGRADE_PROGRAM } from './upgrade-program.ts';

async function killedAt(scene: UpgradeScene, point: string): Promise<void> {
  const env = { ...process.env, SMM_TEST_KILL_AT: point };
  const child = spawn(process.execPath, [UPGRADE_PROGRAM, scene.folder], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  assert.deepEqual([...(await once(child, 'close')), said], [null, 'SIGKILL', ''], `${point} was not reached`);
}

/** Runs agent-guard as systemd does before the next start, with a systemd-run that does nothing. */
function guard({ paths }: UpgradeScene): void {
  const programs = join(paths.root, 'programs');
  mkdirSync(programs, { recursive: true });
  writeFileSync(join(programs, 'systemd-run'), '#!/bin/sh\n');
  chmodSync(join(programs, 'systemd-run'), 0o755);
  const env = { SMM_ROOT: paths.root, PATH: `${programs}:/usr/bin:/bin`, INVOCATION_ID: 'i-2' };
  const { status, stderr } = spawnSync(join(paths.bin, 'agent-guard'), ['start'], { env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

describe('an agent that is killed in the middle of its own upgrade', { concurrency: 2 }, () => {
  const later = ['file-temporary-written', 'file-renamed', 'link-temporary-made', 'link-renamed', 'link-renamed:2'];
  for (const point of [...UPGRADE_CHECKPOINTS, ...later]) {
    it(`at ${point} starts as a complete version, and completes the upgrade`, async () => {
      await using scene = await UpgradeScene.begin();
      await scene.publish({ version: NEW, runtime: NEXT_NODE });
      await killedAt(scene, point);
      guard(scene);
      const { current } = await scene.links();
      assert.ok(current !== null && (await scene.store.isSound(current)), `${current} starts`);
      const isSwitched = current === NEW;
      assert.equal((await readProbation(scene.paths))?.to ?? null, isSwitched ? NEW : null);
      if (!isSwitched) await scene.upgrade();
      assert.equal((await scene.links()).current, NEW);
      assert.equal((await readProbation(scene.paths))?.from, OLD);
      assert.equal(await scene.store.isSound(NEW), true);
      // The next try, or the cleaning after the confirmation, removes incomplete folders.
      if (!isSwitched) assert.deepEqual(await scene.names('versions'), [OLD, NEW]);
    });
  }
});
