/** What an operator sees at the terminal beside a running daemon: never an old fact as a new one. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { World } from '../sandbox/world.ts';
import { until } from '../support/until.ts';

describe('an operator beside the daemon', () => {
  let world: World;
  const type = (...args: string[]) => world.machine.run('smm-agent', ...args);
  const says = async (...args: string[]) => (await type(...args)).stdout;
  /** No poll comes in between: what is seen is what the commands have done. */
  const SELDOM = '0 0 1 1 *';

  before(async () => {
    world = await World.make();
    await world.mesh.publish({ version: '1.31.1' });
    world.machine.agent.start();
    await world.pending('False', /1\.31\.0/);
    await type('set', 'poll.schedule', SELDOM);
  });
  after(() => world[Symbol.asyncDispose]());

  it('is told by set what came of it, and finds it so at once', async () => {
    const changed = await says('set', 'istio.allow', '>=1.32.0');
    assert.match(
      changed,
      /^the agent has read the configuration: rejected: Istio 1\.31\.0 is outside of what istio\.allow permits/m,
    );
    assert.match(await says('status'), /^agent +\S+ rejected: Istio 1\.31\.0 is outside/m);
    await type('set', 'istio.allow', '--default');
    assert.match(await says('status'), /^agent +\S+ ready/m);
  });

  it('holds at once, and is told what was withdrawn', async () => {
    await world.mesh.upgrade({ name: 'default', version: '1.31.1' });
    await type('reconcile');
    assert.match(await says('status'), /^restart +pending/m);
    const held = await says('hold');
    assert.match(held, /^✓ nothing is staged any more: /m);
    assert.match(held, /^the agent has read the configuration: held: this machine is held/m);
    const seen = await says('status');
    assert.match(seen, /^agent +\S+ held/m);
    assert.match(seen, /^restart +not pending$/m);
    assert.match(await says('unhold'), /^the agent has read the configuration: ready/m);
    assert.match(await says('status'), /^restart +pending/m);
  });

  it('sees which file is in effect, and that an edit is not before the reload', async () => {
    const { config } = world.machine.paths;
    assert.match(await says('status'), new RegExp(`^config +${config}, read at 20\\d\\d-`, 'm'));
    const before = await readFile(config, 'utf8');
    await writeFile(config, before.replace('hold: false', 'hold: true'));
    const notInEffect = /agent\.yaml was changed at \S+ and is not in effect: systemctl reload smm-agent/;
    assert.match(await says('status'), new RegExp(`^warning +\\S*${notInEffect.source}`, 'm'));
    assert.match(await says('reconcile', '--dry-run'), notInEffect);
    assert.match(await says('reconcile'), notInEffect);
    assert.match(await says('reload'), /^the configuration was read again$/m);
    await until(
      'the turn',
      () => says('status'),
      (text) => /^agent +\S+ held/m.test(text),
    );
    assert.doesNotMatch(await says('status'), notInEffect);
    await type('unhold');
  });

  it('holds a machine whose file has errors, and lets it go', async () => {
    const { config } = world.machine.paths;
    const right = await readFile(config, 'utf8');
    await writeFile(config, `${right}holds: true\n`);
    assert.equal((await type('reload')).status, 78);
    const held = await type('hold');
    assert.equal(held.status, 0);
    assert.match(held.stderr, /unknown key "holds"/);
    assert.match(held.stdout, /^the agent has read the configuration: held/m);
    assert.match(await says('status'), /^restart +not pending$/m);
    await writeFile(config, right);
    await type('reload');
    const { status, stderr } = await type('reconcile');
    assert.match(stderr, /: held: /, 'the file says no word of it, and it is held all the same');
    assert.equal(status, 1, 'what is wanted is another release');
    assert.match(await says('unhold'), /^the agent has read the configuration: ready/m);
  });

  it('is not told that nothing runs while the agent starts', async () => {
    await world.machine.agent.stop();
    assert.match(await says('status'), /^agent +\S+ not running/m);
    // Its first turn waits for an answer.
    world.mesh.api.faults.dripMs = 50;
    world.machine.agent.start();
    await until(
      'the start',
      () => says('status'),
      (text) => /^agent +\S+ starting since \S+: its first turn is not over/m.test(text),
    );
    world.mesh.api.faults.dripMs = 0;
    await until(
      'the turn',
      () => says('status'),
      (text) => /^agent +\S+ ready/m.test(text),
    );
  });
});
