/** An agent that somebody has started by hand and stopped with Ctrl-Z, when the service starts: that waits until systemd's patience is half over. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { packageJson } from '../../scripts/project.ts';
import { World } from '../sandbox/world.ts';
import { until } from '../support/until.ts';

describe('an agent that was started by hand and is stopped', () => {
  let world: World;
  before(async () => {
    world = await World.make();
    await world.machine.installVersion('9.8.7');
  });
  after(() => world[Symbol.asyncDispose]());

  it('loses its place to the service, and ends as soon as it goes on', async () => {
    const { agent, journal } = world.machine;
    agent.start();
    const starts = `smm-agent ${packageJson().version} starts`;
    await until('the one by hand to be there', () => journal.some((line) => line.includes(starts)));
    const pid = agent.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    await world.machine.expect('systemctl', 'start', 'smm-agent');
    assert.ok(agent.isRunning);
    const ended = agent.ended();
    process.kill(pid, 'SIGCONT');
    assert.equal(await ended, 0);
    // It has taken nothing of the service's with it.
    assert.match(await world.machine.expect('smm-agent', 'reconcile'), /ready: /);
    const { stdout } = await world.machine.run('systemctl', 'show', 'smm-agent', '-P', 'NRestarts');
    assert.equal(stdout.trim(), '0');
  });
});
