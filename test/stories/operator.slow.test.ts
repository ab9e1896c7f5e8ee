/** What an operator sees at the terminal while the daemon runs: commands never show outdated facts as current. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { World } from '../sandbox/world.ts';
import { until } from '../support/until.ts';

describe('an operator beside the daemon', () => {
  let world: World;
  const type = (...args: string[]) => world.machine.run('smm-agent', ...args);
  const says = async (...args: string[]) => (await type(...args)).stdout;
  /** No poll happens during the tests, so only the commands change what is seen. */
  const SELDOM = '0 0 1 1 *';

  before(async () => {
    world = await World.make();
    await world.mesh.publish({ version: '1.31.1' });
    world.machine.agent.start();
    await world.pending('False', /1\.31\.0/);
    await type('set', 'poll.schedule', SELDOM);
  });
  after(() => world[Symbol.asyncDispose]());

  it('sees the effect of smm-agent set in its output, and at once in smm-agent status', async () => {
    const changed = await says('set', 'istio.allow', '>=1.32.0');
    assert.match(
      changed,
      /^the agent has read the configuration: rejected: Istio 1\.31\.0 is outside of what istio\.allow permits/m,
    );
    assert.match(await says('status'), /^agent +\S+ rejected: Istio 1\.31\.0 is outside/m);
    await type('set', 'istio.allow', '--default');
    assert.match(await says('status'), /^agent +\S+ ready/m);
  });

  it('sees that smm-agent hold takes effect at once, and that nothing is staged any more', async () => {
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

  it('sees which file is in effect, and that an edited file is not in effect before a reload', async () => {
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

  it('can hold and unhold a machine whose configuration file has errors', async () => {
    const { config } = world.machine.paths;
    const right = await readFile(config, 'utf8');
    await writeFile(config, `${right}holds: true\n`);
    assert.equal((await type('reload')).status, 78);
    const held = await type('hold');
    assert.equal(held.status, 0);
    assert.match(held.stderr, /unknown key "holds"/);
    assert.match(
      held.stdout,
      /^the agent cannot use the file, and continues with the configuration that it had read before \(held: /m,
    );
    assert.match(await says('status'), /^restart +not pending$/m);
    const over = await type('unhold');
    assert.deepEqual([over.status, /holds/.test(over.stderr)], [0, true], 'it needs no right file either');
    assert.match(
      over.stdout,
      /^the agent cannot use the file, and continues with the configuration that it had read before \(ready: .*holds/m,
    );
    assert.match(await says('status'), /^restart +pending/m);
    assert.equal((await type('hold')).status, 0);
    await writeFile(config, right);
    await type('reload');
    const { status, stderr } = await type('reconcile');
    assert.match(stderr, /: held: /, 'held, although the file does not say so');
    assert.equal(status, 1, 'another release is wanted');
    assert.match(await says('unhold'), /^the agent has read the configuration: ready/m);
  });

  it('sees that the agent is starting, not that it is not running', async () => {
    await world.machine.agent.stop();
    assert.match(await says('status'), /^agent +\S+ not running/m);
    // The first turn of the agent waits for an answer.
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
