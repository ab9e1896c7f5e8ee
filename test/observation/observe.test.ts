import assert from 'node:assert/strict';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import type { ServiceManager } from '../../src/host/systemd/service-manager.ts';
import { writeOwnConfiguration } from '../../src/istio/configuration/own-configuration.ts';
import { stageRelease } from '../../src/istio/releases/stage.ts';
import { observe } from '../../src/observation/observe.ts';
import { CONFIGURATION, Scene } from '../istio/releases/scene.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { UNIT } from '../support/observed.ts';

const GONE = '1.31.1-bbbbbbbbbbbb';

/** A systemd whose unit runs no process. */
const services = { unit: async () => UNIT, job: async () => null } as Partial<ServiceManager> as ServiceManager;
const look = ({ paths }: Scene) => observe({ paths, clock: new ManualClock(), services });

/** A machine whose active release is complete. */
async function machine(): Promise<Scene> {
  const scene = await Scene.begin();
  const { id } = await stageRelease(scene.store, await scene.request('1.31.0'));
  await scene.store.setActive(id);
  await writeOwnConfiguration(scene.paths.state, { revision: 'default', configuration: CONFIGURATION });
  return scene;
}

describe('an observation of the machine', () => {
  it('finds nothing wrong with a complete release', async () => {
    await using scene = await machine();
    const { active, staged, own } = await look(scene);
    assert.deepEqual([active?.problems, staged, own?.revision], [[], null, 'default']);
  });

  for (const link of ['active', 'staged'] as const) {
    it(`goes on when ${link} names a release that is gone, and says so`, async () => {
      await using scene = await machine();
      await rm(scene.paths[link], { force: true });
      await symlink(join('releases', GONE), scene.paths[link]);
      const observation = await look(scene);
      assert.equal(observation[link]?.manifest.id, GONE);
      assert.match(observation[link]?.problems.join() ?? '', /1\.31\.1-bbbbbbbbbbbb is missing/);
      assert.equal(observation.releases.length, 1, 'the other one is seen');
    });

    it(`goes on when the release that ${link} names has lost its release.json`, async () => {
      await using scene = await machine();
      await mkdir(scene.store.folder(GONE));
      await rm(scene.paths[link], { force: true });
      await symlink(join('releases', GONE), scene.paths[link]);
      assert.match((await look(scene))[link]?.problems.join() ?? '', /release\.json is missing/);
    });
  }

  it('does not know whether a restart is pending if the staged release is gone', async () => {
    await using scene = await machine();
    await symlink(join('releases', GONE), scene.paths.staged);
    const { pending } = await look(scene);
    assert.ok(pending.answer === 'unknown', pending.answer);
  });

  it("goes on when the record of the machine's own configuration is damaged", async () => {
    await using scene = await machine();
    const file = join(scene.paths.state, 'istio', 'own-configuration.json');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, '{"format":1,');
    assert.equal((await look(scene)).own, null);
  });
});
