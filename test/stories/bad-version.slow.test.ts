/**
 * Versions of the agent that do not work, end to end: each is rolled back by the scripts, reported, and not tried
 * again.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FIRST, UpgradeWorld } from '../sandbox/upgrade-world.ts';
import { until } from '../support/until.ts';
import { diesWhereThereIs } from '../vm/self-upgrade/misbehaviour.ts';

const AS_DAEMON = "if (process.argv.includes('run'))";
/** Passes its self-check, and ends when it runs as the daemon. */
const ENDS = `${AS_DAEMON} { console.error('these are the last words'); process.exit(3); }`;
/** All TCP connections fail. Connections to the agent's own socket work. */
const REACHES_NOBODY = `
const { Socket } = require('node:net');
const { connect } = Socket.prototype;
Socket.prototype.connect = function (...args) {
  if (args.flat()[0].port === undefined) return connect.apply(this, args);
  process.nextTick(() => this.destroy(new Error('no way out')));
  return this;
};`;
const REFUSES = "if (process.argv.includes('self-check')) { console.error('not on this machine'); process.exit(1); }";

describe('a version of the agent', () => {
  let world: UpgradeWorld;
  let envoy = 0;
  before(async () => {
    world = await UpgradeWorld.make();
    envoy = (await world.machine.envoy()).pid;
  });
  after(() => world[Symbol.asyncDispose]());

  /**
   * Asserts that FIRST runs again, Envoy is still the same process, and status, history and entry say why `version` was
   * rejected.
   */
  async function assertPutBack(version: string, reason: RegExp): Promise<void> {
    await world.reports(new RegExp(`^smm-agent ${FIRST} \\(wanted ${version}: rejected\\).*${reason.source}`));
    assert.equal((await world.world.condition('SmmAgent'))?.status, 'False');
    assert.equal(await world.linked('current'), FIRST);
    assert.equal(await world.onProbation(), false);
    const last = (await world.history()).at(-1);
    assert.deepEqual([last?.from, last?.to, last?.result], [version, FIRST, 'put back']);
    assert.match(last?.reason ?? '', reason);
    assert.match(
      await world.upgradeRow(),
      new RegExp(`wanted ${version}; rejected: .*${reason.source}.*not tried again before`),
    );
    assert.equal((await world.machine.envoy()).pid, envoy);
  }

  it('is never switched to if it fails its self-check', async () => {
    const main = await world.show('MainPID');
    await world.repository.publish('1.1.0', { prefix: REFUSES });
    await world.announce('1.1.0');
    await world.reports(
      /smm-agent 1\.1\.0 was rejected: .*its self-check failed: it ended with status 1: not on this machine/,
    );
    assert.equal(await world.show('MainPID'), main);
    assert.deepEqual(
      (await world.history()).map(({ result, evidence }) => [result, evidence]),
      [['refused', 'not on this machine']],
    );
  });

  it('is rolled back if it ends at once, and the history has its last log lines', async () => {
    await world.repository.publish('1.2.0', { prefix: ENDS });
    await world.announce('1.2.0');
    await assertPutBack('1.2.0', /it ended by itself \d+ s after its start \(exit-code, exited 3\)/);
    assert.match((await world.history()).at(-1)?.evidence ?? '', /^these are the last words$/m);
    const shown = await world.machine.expect('smm-agent', 'history');
    assert.match(
      shown,
      /smm-agent 1\.2\.0 was rolled back to 1\.0\.0\n +why: it ended .*\n +its last lines:\n[\s\S]* these are the last words\n/,
    );
  });

  it('is tried again after a rollback only by smm-agent retry', async () => {
    const main = await world.show('MainPID');
    await world.reconcile();
    assert.equal(await world.show('MainPID'), main);
    await world.machine.run('smm-agent', 'retry');
    await until(
      'another try',
      async () => (await world.history()).filter(({ result }) => result === 'put back').length === 2,
    );
    await assertPutBack('1.2.0', /it ended by itself/);
  });

  it('is rolled back if it cannot reach the control plane and the version before can', async () => {
    await world.repository.publish('1.4.0', { prefix: REACHES_NOBODY });
    await world.announce('1.4.0');
    await lacks('control-plane');
    await world.passTime(60);
    await assertPutBack('1.4.0', /it does not reach the control plane, but 1\.0\.0 does/);
  });

  it('gets more time if the version before cannot reach the control plane either, until both can', async () => {
    const { faults } = world.world.mesh.api;
    await world.repository.publish('1.5.0');
    const earlier = join(world.machine.paths.agentState, 'expired/1.5.0');
    await mkdir(dirname(earlier), { recursive: true });
    await writeFile(earlier, 'reason=it ended by itself\ncount=1\nat=1\n');
    await world.repository.announce('1.5.0');
    // The outage begins when the old version has everything that it needs for the upgrade.
    world.repository.server.onRequest = (path) => {
      faults.outage ||= path.startsWith('targets/');
    };
    await world.reconcile();
    await lacks('control-plane');
    await world.passTime(60);
    await until('more time', () =>
      world.machine.journal.some((line) =>
        line.includes('smm-agent 1.5.0 waits for the control plane, and is not to blame'),
      ),
    );
    world.repository.server.onRequest = () => {};
    faults.outage = false;
    await world.runs('1.5.0');
    assert.equal(existsSync(earlier), false, 'the old rejection is forgotten');
  });

  it('waits longer and longer between its starts if it crashes after each request to the control plane', async () => {
    const dies = join(world.machine.root, 'dies');
    await world.repository.publish('1.6.0', { prefix: diesWhereThereIs(dies) });
    await world.announce('1.6.0');
    await world.runs('1.6.0');
    await writeFile(dies, '');
    await world.machine.expect('systemctl', 'kill', '--signal=KILL', '--kill-whom=main', 'smm-agent');
    const held = (line: string) =>
      /waiting \d+ s before the first turn: the agent failed \d+ times in a row/.test(line);
    await until('the wait before the first turn', () => world.machine.journal.some(held));
    await until('systemd to be told', async () =>
      /^failing: waiting \d+ s before /.test(await world.show('StatusText')),
    );
    assert.match(await world.machine.expect('smm-agent', 'status'), /^agent +1\.6\.0, failing: waiting \d+ s before /m);
    const main = await world.show('MainPID');
    await rm(dies);
    assert.match(await world.machine.expect('smm-agent', 'reconcile'), /^✓ Istio \S+ of revision \S+ is wanted$/m);
    assert.equal(await world.show('MainPID'), main, 'smm-agent reconcile gets a turn at once');
    const counted = join(world.machine.root, 'run/smm-agent/agent-failed');
    await until('the failures to be forgotten', () => !existsSync(counted));
    assert.equal((await world.machine.envoy()).pid, envoy);
  });

  /** Waits until the version on probation, not an earlier one, has recorded what it lacks. */
  async function lacks(what: string): Promise<void> {
    const noted = async () => {
      const record = await world.world.file('run/smm-agent/agent-turn').catch(() => '');
      return (
        record === `invocation=${await world.show('InvocationID')}\nlacks=${what}\n` && (await world.onProbation())
      );
    };
    await until(`a turn that lacks ${what}`, noted);
  }
});
