/**
 * The service starts while an agent that an operator has started is stopped by Ctrl-Z. The service waits for half of
 * TimeoutStartSec.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { packageJson } from '../../scripts/project.ts';
import { World } from '../sandbox/world.ts';
import { until } from '../support/until.ts';

describe('an agent that an operator has started and stopped by Ctrl-Z', () => {
  let world: World;
  before(async () => {
    world = await World.make();
    await world.machine.installVersion('9.8.7');
  });
  after(() => world[Symbol.asyncDispose]());

  it('is replaced by the service, and ends when it continues', async () => {
    const { agent, journal } = world.machine;
    agent.start();
    const starts = `smm-agent ${packageJson().version} starts`;
    await until('the agent of the operator to start', () => journal.some((line) => line.includes(starts)));
    const pid = agent.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    await world.machine.expect('systemctl', 'start', 'smm-agent');
    assert.ok(agent.isRunning);
    const ended = agent.ended();
    process.kill(pid, 'SIGCONT');
    assert.equal(await ended, 0);
    // Its end has not harmed the service.
    assert.match(await world.machine.expect('smm-agent', 'reconcile'), /ready: /);
    const { stdout } = await world.machine.run('systemctl', 'show', 'smm-agent', '-P', 'NRestarts');
    assert.equal(stdout.trim(), '0');
  });
});
