/**
 * The upgrade of the agent from end to end: real versions, scripts, unit and repository; everything else is embedded.
 * Rarer cases: self-upgrade.slow.test.ts.
 */
import assert from 'node:assert/strict';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { downloadsOf } from '../sandbox/agent-repository.ts';
import { NAMESPACE } from '../sandbox/mesh.ts';
import { FIRST, UpgradeWorld } from '../sandbox/upgrade-world.ts';
import { until } from '../support/until.ts';

const NEXT_NODE = '99.0.0';

describe('an agent whose control plane names its version', () => {
  let world: UpgradeWorld;
  before(async () => {
    world = await UpgradeWorld.make();
    await world.repository.publish('1.1.0');
    await world.repository.publishRuntime(NEXT_NODE);
    await world.repository.publish('1.2.0', { runtime: NEXT_NODE });
    await world.repository.publish('1.3.0');
  });
  after(() => world[Symbol.asyncDispose]());

  it('keeps its version and says why when no ConfigMap names one', async () => {
    assert.equal(
      await world.upgradeRow(),
      `running ${FIRST}, installed ${FIRST}, wanted none; agent upgrades are off: ConfigMap smm-agent not found`,
    );
  });

  it('becomes the announced version, and Istio keeps its process', async () => {
    const { pid } = await world.machine.envoy();
    const main = await world.show('MainPID');
    await world.repository.announce('1.1.0');
    const said = await world.machine.expect('smm-agent', 'reconcile');
    assert.match(said, /^the agent is restarting into the new version/m);
    // A poll that came first has made the switch in its own turn.
    const isInPlace = (line: string) => /\bsmm-agent 1\.1\.0 is in place, /.test(line);
    assert.ok(said.split('\n').some(isInPlace) || world.machine.journal.some(isInPlace), said);
    await world.runs('1.1.0');
    assert.deepEqual(world.repository.takeDownloads(), downloadsOf('1.1.0'));
    assert.deepEqual(await Promise.all(['current', 'previous'].map((link) => world.linked(link as 'current'))), [
      '1.1.0',
      FIRST,
    ]);
    assert.equal((await world.machine.envoy()).pid, pid);
    assert.notEqual(await world.show('MainPID'), main);
    await until(
      'the status text of the unit',
      () => world.show('StatusText'),
      (text) => text === 'ready; Istio 1.31.0; no restart pending',
    );
  });

  it('reports the upgrade in history and status, in the WorkloadEntry and in the Lease', async () => {
    const confirmed = { from: FIRST, to: '1.1.0', result: 'confirmed', reason: null, evidence: null };
    assert.deepEqual(await world.history(), [confirmed]);
    assert.match(
      await world.machine.expect('smm-agent', 'history'),
      /smm-agent 1\.1\.0 is confirmed in place of 1\.0\.0$/m,
    );
    assert.equal(await world.upgradeRow(), 'running 1.1.0, installed 1.1.0, wanted 1.1.0; current');
    assert.equal((await world.world.condition('SmmAgent'))?.status, 'True');
    const { admin } = world.world.mesh;
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: '', namespace: NAMESPACE } };
    const { body } = await admin.send('GET', admin.path(lease, 'collection'));
    assert.match(
      JSON.stringify(body),
      /"smm-agent\.io\/agent-version":"1\.1\.0","smm-agent\.io\/agent-wanted":"1\.1\.0"/,
    );
  });

  it('downloads another Node if the version names one', async () => {
    await world.announce('1.2.0');
    await world.runs('1.2.0');
    assert.deepEqual(world.repository.takeDownloads(), downloadsOf('1.2.0', NEXT_NODE));
    assert.equal(await readlink(join(world.machine.paths.current, 'node')), `../../runtimes/${NEXT_NODE}`);
    assert.deepEqual(await readdir(world.machine.paths.downloads), []);
  });

  it('goes back to an older version without a download, even if systemd takes a second to restart it', async (test) => {
    const { manager } = world.machine;
    const submit = manager.submit.bind(manager);
    let restart: ReturnType<typeof submit> | null = null;
    const slowly: typeof submit = (unit, type, mode) => {
      if (type !== 'restart') return submit(unit, type, mode);
      // One job, as in systemd, even if the restart is requested several times.
      restart ??= delay(1000).then(() => submit(unit, type, mode));
      return restart;
    };
    test.mock.method(manager, 'submit', slowly);
    await world.repository.announce('1.1.0');
    const said = await world.machine.expect('smm-agent', 'reconcile');
    assert.match(said, /^the agent is restarting into the new version/m);
    // A poll that came first has made the switch in its own turn.
    const isInPlace = (line: string) => /\bsmm-agent 1\.1\.0 is in place, /.test(line);
    assert.ok(said.split('\n').some(isInPlace) || world.machine.journal.some(isInPlace), said);
    await world.runs('1.1.0');
    assert.deepEqual(world.repository.takeDownloads(), []);
  });

  it('keeps its version while the machine is held, and upgrades after unhold', async () => {
    await world.machine.expect('smm-agent', 'hold');
    await world.announce('1.3.0');
    assert.equal(
      await world.upgradeRow(),
      'running 1.1.0, installed 1.1.0, wanted 1.3.0; held: this machine is held (hold: true)',
    );
    await world.machine.expect('smm-agent', 'unhold');
    await world.runs('1.3.0');
  });

  it('keeps its version while the ConfigMap says hold', async () => {
    await world.announce('1.1.0', { hold: true });
    assert.match(await world.upgradeRow(), /^running 1\.3\.0, .*; held: agents are held by ConfigMap smm-agent$/);
  });
});
