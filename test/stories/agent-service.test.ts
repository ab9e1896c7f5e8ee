/**
 * The agent as a service: bundled as in its package, with the launcher and the real unit file. Failures:
 * agent-service.slow.test.ts.
 */
import assert from 'node:assert/strict';
import { readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packageJson } from '../../scripts/project.ts';
import { AGENT_UNIT } from '../sandbox/agent-versions.ts';
import { ServiceWorld } from '../sandbox/service-world.ts';
import type { World } from '../sandbox/world.ts';
import { until } from '../support/until.ts';

describe('smm-agent.service', () => {
  let service: ServiceWorld;
  let world: World;
  before(async () => {
    service = await ServiceWorld.make('9.8.7');
    world = service.world;
  });
  after(() => service[Symbol.asyncDispose]());
  const show = (property: string) => service.show(property);
  const isReady = () => service.isReady();

  it('starts the current version with its Node, which adopts Istio and reports it', async () => {
    const { pid } = await world.machine.envoy();
    await world.machine.expect('systemctl', 'enable', '--now', 'smm-agent');
    assert.equal(await show('ActiveState'), 'active');
    const runtime = join(world.machine.paths.opt, 'runtimes', process.versions.node, 'bin/node');
    assert.equal(await readlink(`/proc/${await show('MainPID')}/exe`), runtime);
    assert.equal(await readFile(`/proc/${await show('MainPID')}/comm`, 'utf8'), 'smm-agent\n');
    await world.pending('False', /1\.31\.0/);
    await isReady();
    assert.equal((await world.machine.envoy()).pid, pid);
    assert.match((await world.condition('SmmAgent'))?.message ?? '', /smm-agent 9\.8\.7/);
    assert.match(await world.machine.expect('smm-agent', 'version'), /9\.8\.7/);
    assert.match(await world.machine.expect('journalctl', '-u', 'smm-agent', '-o', 'cat'), /smm-agent 9\.8\.7 starts/);
  });

  it('restarts on systemctl restart, and reads its configuration again on systemctl reload', async () => {
    const before = await Promise.all(['MainPID', 'InvocationID'].map(show));
    await world.machine.expect('systemctl', 'restart', 'smm-agent');
    await isReady();
    const [pid = '', invocation = ''] = await Promise.all(['MainPID', 'InvocationID'].map(show));
    assert.ok(pid !== before[0] && invocation !== before[1]);
    assert.ok(world.machine.journal.includes(`${AGENT_UNIT}: ended: success exited/0`));
    await world.machine.expect('systemctl', 'reload', 'smm-agent');
    await until('the line', () => world.machine.journal.some((line) => line.includes('read the configuration again')));
    assert.equal(await show('MainPID'), pid);
  });

  it('keeps its configuration when a reload finds errors in the file, and names the line', async () => {
    const { config } = world.machine.paths;
    const right = await readFile(config, 'utf8');
    await writeFile(config, `${right}holds: true\n`);
    const { status, stderr } = await world.machine.run('systemctl', 'reload', 'smm-agent');
    assert.deepEqual([status, stderr], [1, 'Job for smm-agent.service failed.\n']);
    const line = /agent\.yaml:\d+:1: unknown key "holds": did you mean "hold"\?/;
    assert.ok(world.machine.journal.some((said) => said.startsWith(AGENT_UNIT) && line.test(said)));
    await until(
      'the entry to say it',
      () => world.condition('SmmAgent'),
      (seen) => seen?.status === 'True' && line.test(seen.message),
    );
    assert.match(
      await world.machine.expect('smm-agent', 'status'),
      /^warning +.*agent\.yaml has errors, and the configuration that was read/m,
    );
    await writeFile(config, right);
    assert.equal((await world.machine.run('systemctl', 'reload', 'smm-agent')).status, 0);
    await isReady();
  });

  it('replaces an agent that an operator has started, and is not replaced by another one', async () => {
    const { agent } = world.machine;
    await world.machine.expect('systemctl', 'stop', 'smm-agent');
    agent.start();
    const starts = `smm-agent ${packageJson().version} starts`;
    await until('the agent of the operator to start', () =>
      world.machine.journal.some((line) => line.includes(starts)),
    );
    const ended = agent.ended();
    await world.machine.expect('systemctl', 'start', 'smm-agent');
    assert.equal(await ended, 0);
    await isReady();
    agent.start();
    assert.equal(await agent.ended(), 75);
    assert.equal(await show('NRestarts'), '0');
  });

  it('starts again after a reboot', async () => {
    await world.machine.reboot();
    await isReady();
    assert.equal(await show('NRestarts'), '0');
  });
});
