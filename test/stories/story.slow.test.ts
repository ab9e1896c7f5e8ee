/** The main job from end to end, as in story.test.ts: on a held machine, and with an incomplete package. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { World } from '../sandbox/world.ts';
import { until } from '../support/until.ts';

describe('a machine that has adopted its Istio', () => {
  let world: World;
  before(async () => {
    world = await World.make();
    await world.mesh.publish({ version: '1.31.4' });
    world.machine.agent.start();
    await world.pending('False', /1\.31\.0/);
  });
  after(() => world[Symbol.asyncDispose]());

  it('withdraws the staged release when it is held, and keeps its Istio after a stop and a reboot', async () => {
    await world.mesh.upgrade({ name: 'default', version: '1.31.4' });
    await world.pending('True', /1\.31\.0 to 1\.31\.4/);
    await world.machine.expect('smm-agent', 'hold');
    await world.pending('False', /1\.31\.0/);
    await world.machine.expect('systemctl', 'stop', 'istio');
    await until('the hook', () =>
      world.machine.journal.some((line) => line.includes('stays stopped: this machine is held')),
    );
    await world.machine.reboot();
    await world.envoyOf('1.31.0');
  });

  it('switches at its next boot after unhold, even after a power cut', async () => {
    await world.machine.expect('smm-agent', 'unhold');
    await world.pending('True', /1\.31\.0 to 1\.31\.4/);
    await world.machine.cutPower();
    await world.envoyOf('1.31.4');
    await world.pending('False', /1\.31\.4/);
  });

  it('refuses an incomplete package, and takes another package of the same version at the next poll', async () => {
    const { downloads } = world.mesh;
    await world.mesh.publish({ version: '1.31.5', files: { 'lib/systemd/system/istio.service': null } });
    await world.mesh.upgrade({ name: 'default', version: '1.31.5' });
    const reason = (seen: { message: string } | undefined) => seen?.message ?? '';
    await until(
      'the refusal',
      () => world.condition('SmmAgent'),
      (seen) => /lacks .*istio\.service.*tried once.*or when another package is published/.test(reason(seen)),
    );
    const packages = () => downloads.requests.filter(({ path }) => /\/1\.31\.5\/.*\.deb$/.test(path)).length;
    const digests = () => downloads.requests.filter(({ path }) => path.startsWith('/1.31.5/')).length - packages();
    const asked = digests();
    await until('two more polls', async () => digests() >= asked + 2);
    assert.equal(packages(), 1);
    await world.mesh.publish({ version: '1.31.5' });
    await world.pending('True', /1\.31\.4 to 1\.31\.5/);
    assert.equal(packages(), 2);
    await world.mesh.upgrade({ name: 'default', version: '1.31.4' });
    await world.pending('False', /1\.31\.4/);
  });
});
