/** The main job from end to end, with the daemon killed at its kill points: the next start continues. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Checkpoint } from '../../src/host/files/checkpoints.ts';
import { World } from '../sandbox/world.ts';

/** Kill points of download and staging. The tests of src/istio/releases have all of them. */
const WHILE_STAGING: Checkpoint[] = [
  'download-halfway',
  'stage-unpacked',
  'stage-marked',
  'stage-renamed',
  'link-renamed',
];
const WHILE_ADOPTING: Checkpoint[] = ['adopt-copied', 'adopt-renamed'];

describe('the agent killed by SIGKILL', () => {
  for (const point of WHILE_ADOPTING) {
    it(`at ${point} adopts at its next start, and Istio keeps running`, async () => {
      await using world = await World.make();
      const { pid } = await world.machine.envoy();
      world.machine.agent.start({ SMM_TEST_KILL_AT: point });
      assert.equal(await world.machine.agent.ended(), 'SIGKILL');
      world.machine.agent.start();
      await world.pending('False', /1\.31\.0/);
      assert.equal((await world.machine.envoy()).pid, pid);
    });
  }

  it('at each kill point of staging stages at its next start, and Istio keeps running', async (t) => {
    await using world = await World.make();
    const { pid } = await world.machine.envoy();
    world.machine.agent.start();
    await world.pending('False', /1\.31\.0/);
    for (const [index, point] of WHILE_STAGING.entries()) {
      await t.test(point, async () => {
        const version = `1.31.${index + 1}`;
        await world.machine.agent.kill();
        await world.mesh.publish({ version });
        await world.mesh.upgrade({ name: 'default', version });
        world.machine.agent.start({ SMM_TEST_KILL_AT: point });
        assert.equal(await world.machine.agent.ended(), 'SIGKILL');
        world.machine.agent.start();
        await world.pending('True', new RegExp(`1\\.31\\.0 to ${version.replaceAll('.', '\\.')}`));
        assert.equal((await world.machine.envoy()).pid, pid);
      });
    }
  });
});
