/** The agent as a service, as in agent-service.test.ts: an agent that hangs, and an agent that ends at once. */
import assert from 'node:assert/strict';
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AGENT_UNIT } from '../sandbox/agent-versions.ts';
import { ServiceWorld } from '../sandbox/service-world.ts';
import type { World } from '../sandbox/world.ts';
import { until } from '../support/until.ts';

describe('smm-agent.service, when the agent fails', () => {
  let service: ServiceWorld;
  let world: World;
  before(async () => {
    service = await ServiceWorld.make('9.8.7');
    world = service.world;
    await world.machine.expect('systemctl', 'enable', '--now', 'smm-agent');
    await service.isReady();
  });
  after(() => service[Symbol.asyncDispose]());
  const show = (property: string) => service.show(property);
  const isReady = () => service.isReady();

  it('is ended by the watchdog and starts again when the agent hangs', async () => {
    const pid = await show('MainPID');
    const fed = await show('WatchdogTimestamp');
    await until(
      'the next WATCHDOG message',
      () => show('WatchdogTimestamp'),
      (at) => at !== fed,
    );
    assert.equal(await show('MainPID'), pid);
    await world.machine.expect('systemctl', 'kill', '--signal=STOP', '--kill-whom=main', 'smm-agent');
    await until('the watchdog to end the agent', () =>
      world.machine.journal.includes(`${AGENT_UNIT}: ended: watchdog dumped/ABRT`),
    );
    await until(
      'the next start',
      () => show('NRestarts'),
      (count) => count === '1',
    );
    await isReady();
    assert.notEqual(await show('MainPID'), pid);
  });

  it('runs the version that was installed last, even if that version ends at once', async () => {
    await world.machine.installVersion('9.8.8', { prefix: 'process.exit(3);' });
    const links = ['current', 'previous'].map((name) => readlink(join(world.machine.paths.opt, name)));
    assert.deepEqual(await Promise.all(links), ['versions/9.8.8', 'versions/9.8.7']);
    const { status, stderr } = await world.machine.run('systemctl', 'restart', 'smm-agent');
    assert.deepEqual([status, stderr], [1, 'Job for smm-agent.service failed.\n']);
    assert.ok(world.machine.journal.includes(`${AGENT_UNIT}: ended: exit-code exited/3`));
    await world.machine.installVersion('9.8.7');
    await isReady();
  });
});
