/** What the other tests cannot bring about over the network: that the folder of tuf-js cannot be written. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Circumstances, metadataError } from '../../../src/downloads/signed/metadata-errors.ts';
import { Scene } from './scene.ts';

function circumstancesAt(now: Date): Circumstances {
  return { file: '1.targets.json', folder: '/cache/.turn', cacheFolder: '/cache', now, expiryOf: async () => null };
}

it('a file that cannot be written is not the fault of the repository', async () => {
  await using scene = await Scene.begin();
  const unwritable = 'x'.repeat(260);
  scene.publisher.delegate(unwritable, 'team/*').publish();
  scene.publisher.publish();
  await assert.rejects(scene.client().target('team/file'), { code: 'SMM521', message: /^cannot write .*\.turn-/ });
});

it('a full disk is one', async () => {
  const text =
    'Unable to load targets error Error: Failed to persist metadata targets error: Error: ENOSPC: no space left on device, write';
  const now = new Date();
  const error = await metadataError(new Error(text), circumstancesAt(now));
  assert.deepEqual([error.code, error.message], ['SMM522', 'cannot write /cache/.turn: the file system is full']);
});

it('an expiry is told without a date where none is known', async () => {
  const now = new Date('2026-11-23T12:00:00Z');
  const { message } = await metadataError(new Error('Final timestamp.json is expired'), circumstancesAt(now));
  assert.match(
    message,
    /its timestamp\.json has expired, and the clock of this machine says 2026-11-23T12:00:00\.000Z$/,
  );
});
