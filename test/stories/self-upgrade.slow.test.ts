/**
 * The upgrade of the agent from end to end, as in self-upgrade.test.ts: rollback, agent.allow, and upgrades of Istio at
 * the same time.
 */
import assert from 'node:assert/strict';
import { readlink, rm, symlink } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { UpgradeWorld } from '../sandbox/upgrade-world.ts';

describe('an agent that was upgraded', () => {
  let world: UpgradeWorld;
  before(async () => {
    world = await UpgradeWorld.make();
    for (const version of ['1.1.0', '1.3.0']) {
      await world.repository.publish(version);
      await world.announce(version);
      await world.runs(version);
    }
  });
  after(() => world[Symbol.asyncDispose]());

  it('does not take a version again that an operator has rolled back, before another version was wanted', async () => {
    assert.match(
      await world.machine.expect('smm-agent', 'rollback'),
      /^the agent restarts as smm-agent 1\.1\.0; 1\.3\.0 will not be installed again until the control plane asks for another version or you run smm-agent retry$/m,
    );
    await world.runs('1.1.0');
    await world.reconcile();
    assert.match(await world.upgradeRow(), /wanted 1\.3\.0; rejected: an operator rolled smm-agent 1\.3\.0 back at /);
    assert.equal((await world.history()).at(-1)?.result, 'rolled back');
    await world.announce('1.1.0');
    await world.announce('1.3.0');
    await world.runs('1.3.0');
  });

  it('takes no version outside of agent.allow, and stages no Istio for which the agent is too old', async () => {
    await world.world.mesh.publish({ version: '1.31.1' });
    await world.repository.publish('2.0.0');
    await world.machine.expect('smm-agent', 'set', 'agent.allow', '<2.0.0');
    // Announced before the new Istio, because a poll in between would stage that Istio.
    await world.announce('2.0.0', { minVersion: '2.0.0' });
    await world.world.mesh.upgrade({ name: 'default', version: '1.31.1' });
    await world.reconcile();
    const { upgrade, notDone } = await world.status();
    assert.equal(upgrade?.reason, 'smm-agent 2.0.0 is outside of what agent.allow permits here (<2.0.0)');
    const [staging] = notDone.filter(({ step }) => step === 'stage');
    assert.equal(staging?.reason, 'the control plane requires at least smm-agent 2.0.0 to stage it');
  });

  it('is upgraded first, and stages Istio afterwards, when agent.allow permits the version', async () => {
    await world.machine.expect('smm-agent', 'set', 'agent.allow', '--default');
    await world.runs('2.0.0');
    await world.world.pending('True', /1\.31\.0 to 1\.31\.1/);
  });

  it('upgrades itself even if it cannot read the state of Istio, which may be its own bug', async () => {
    const { active } = world.machine.paths;
    const link = await readlink(active);
    // The new version repairs what the old version cannot read.
    const mends = `{ const fs = require('node:fs'); fs.rmSync('${active}'); fs.symlinkSync('${link}', '${active}'); }`;
    await world.repository.publish('2.1.0', { prefix: mends });
    await rm(active);
    await symlink('/', active);
    await world.announce('2.1.0');
    await world.runs('2.1.0');
    assert.ok(
      world.machine.journal.some((line) =>
        /upgrading: smm-agent 2\.1\.0 .*; the running version cannot complete its turn: .*active: it points to/.test(
          line,
        ),
      ),
    );
    assert.equal((await world.history()).at(-1)?.result, 'confirmed');
  });
});
