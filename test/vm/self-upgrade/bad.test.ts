/**
 * Bad versions of the agent whose fault shows at once, under the real systemd with the real control plane. Each is
 * rolled back or refused, the machine works on with the version before, Istio is not touched, and all views say why.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { ARCHITECTURES, runtimeFolder } from '../../../packaging/runtime.ts';
import { packageJson, projectRoot } from '../../../scripts/project.ts';
import { runtimeTarget } from '../../../src/downloads/targets.ts';
import type { Lab } from '../lab/lab.ts';
import { hostArch } from '../lab/parts/go-parts.ts';
import { until } from '../lab/until.ts';
import { assertInOrder } from './in-order.ts';
import { DIES_OF_SIGSEGV, diesWhereThereIs, exits, REFUSES_CONFIGURATION } from './misbehaviour.ts';
import type { AgentRepository } from './repository.ts';
import { startUpgradeLab, type UpgradeLab } from './upgrade-lab.ts';
import { announce, TWO_MINUTES_MS, type UpgradeVm } from './upgrade-vm.ts';

const GOOD = packageJson().version;

describe('a bad version of the agent', () => {
  let lab: Lab;
  let repository: AgentRepository;
  let machine: UpgradeVm;
  let end: UpgradeLab['end'] | undefined;

  before(async () => {
    ({ lab, repository, machine, end } = await startUpgradeLab({ name: 'bad-versions' }));
  });
  after(() => end?.());

  /** Announces it, and returns what the journal has said until the machine works again. */
  async function tried(version: string): Promise<string[]> {
    const cursor = await machine.cursor();
    await announce(lab, version);
    await machine.reconcile();
    await machine.putBack(version, GOOD);
    return machine.since(cursor);
  }

  /** What every party has been told. */
  async function assertTold(version: string, result: 'put back' | 'refused', reason: RegExp): Promise<void> {
    const last = (await machine.history()).findLast(({ what }) => what === 'agent');
    assert.deepEqual(
      [last?.result, last?.from, last?.to],
      result === 'refused' ? [result, GOOD, version] : [result, version, GOOD],
    );
    assert.match(last?.reason ?? '', reason);
    const { message } = await machine.said(new RegExp(`wanted ${version}`));
    assert.match(message, /rejected/);
    await machine.assertIstioUntouched();
    assert.equal(
      await machine.machine.sh('ls /var/lib/smm-agent/agent'),
      'evidence\nrejected\n',
      'no probation is left',
    );
  }

  for (const [index, { does, prefix, end: ending, reason }] of [
    {
      does: 'exits with 0 at once',
      prefix: exits(0),
      end: /Failed with result 'protocol'/,
      reason: /it ended by itself \d+ s after its start \(protocol, exited 0\)/,
    },
    {
      does: 'exits with 1',
      prefix: exits(1),
      end: /Main process exited, code=exited, status=1/,
      reason: /\(exit-code, exited 1\)/,
    },
    {
      does: 'exits with 78, as if its configuration were wrong',
      prefix: exits(78),
      end: /Main process exited, code=exited, status=78/,
      reason: /\(exit-code, exited 78\)/,
    },
    {
      does: 'dies of SIGSEGV',
      prefix: `console.error('last words');${DIES_OF_SIGSEGV}`,
      end: /Main process exited, code=(killed|dumped), status=11/,
      reason: /\((signal|core-dump), (killed|dumped) SEGV\)/,
    },
  ].entries()) {
    it(`that ${does} is rolled back`, async () => {
      const version = `0.3.${index}`;
      await repository.publish(version, { prefix });
      const lines = await tried(version);
      assertInOrder(lines, [
        new RegExp(`^upgrading: smm-agent ${version} is wanted, in place of ${GOOD}`),
        new RegExp(`^smm-agent ${version} is in place, and its self-check passed`),
        /^Stopping smm-agent\.service/,
        /^Stopped smm-agent\.service/,
        /^Starting smm-agent\.service/,
        new RegExp(`version ${version} starts on probation`),
        new RegExp(`rolled back smm-agent ${version} to ${GOOD}: it ended by itself`),
        /^smm-agent\.service: Scheduled restart job/,
        new RegExp(`^smm-agent ${GOOD} starts`),
        /^Started smm-agent\.service/,
        new RegExp(`rejected: smm-agent ${version} was rejected`),
      ]);
      assert.ok(
        lines.some((line) => ending.test(line)),
        `${ending}:\n${lines.join('\n')}`,
      );
      await assertTold(version, 'put back', reason);
    });
  }

  it('keeps its last log lines for an operator', async () => {
    const last = (await machine.history()).findLast(({ to }) => to === GOOD);
    assert.match(last?.evidence ?? '', /last words/);
    assert.match(await machine.machine.sh('smm-agent history'), /its last lines:\n(.*\n)*\s+last words/);
  });

  it('is tried again when an operator says so', async () => {
    assert.match(
      await machine.machine.sh('smm-agent retry'),
      /forgot: smm-agent 0\.3\.3: .*\n(.*\n)*the agent is restarting into the new version/,
    );
    await machine.putBack('0.3.3', GOOD);
    const failures = (await machine.history()).filter(({ from }) => from === '0.3.3');
    assert.deepEqual(
      failures.map(({ result }) => result),
      ['put back', 'put back'],
    );
  });

  it('that does not understand the configuration is refused before it is current', async () => {
    await repository.publish('0.3.10', { prefix: REFUSES_CONFIGURATION });
    const lines = await tried('0.3.10');
    assertInOrder(lines, [/^upgrading: smm-agent 0\.3\.10/, /self-check failed: configuration: .*unheardOf/]);
    assert.ok(!lines.some((line) => /^(Stopping|Starting)/.test(line)), 'the agent was not restarted');
    await assertTold('0.3.10', 'refused', /configuration: .*unheardOf/);
  });

  it('whose runtime is for another architecture is refused before it is current', async () => {
    const foreign = ARCHITECTURES.find(({ name }) => name !== hostArch());
    assert.ok(foreign !== undefined);
    const node = runtimeFolder(projectRoot, foreign, packageJson().config.runtime);
    const archive = await repository.runtimeArchive('99.1.0', node);
    await repository.publishUnchecked(runtimeTarget('99.1.0', hostArch()), readFileSync(archive));
    await repository.publish('0.3.11', { runtime: '99.1.0' });
    await tried('0.3.11');
    await assertTold('0.3.11', 'refused', /self-check failed: .*Exec format error/);
  });

  it('that shows as bad only when it is confirmed waits before it asks the control plane, and answers commands at once', async () => {
    const dies = '/run/dies';
    await repository.publish('0.3.12', { prefix: diesWhereThereIs(dies) });
    await announce(lab, '0.3.12');
    await machine.reconcile();
    await machine.confirmed('0.3.12');
    await machine.machine.sh(`touch ${dies}; systemctl kill --kill-whom=main --signal=KILL smm-agent`);
    const status = await machine.vm.until('the wait before the first turn', ({ agent }) =>
      /^waiting \d+ s before /.test(agent.reason),
    );
    assert.match(status.agent.reason, /waiting \d+ s before the first turn: the agent failed 3 times in a row/);
    const main = await machine.show('MainPID');
    assert.match(await machine.show('StatusText'), /waiting \d+ s before the first turn/);
    assert.match(await machine.machine.sh('smm-agent status'), /^agent +0\.3\.12, failing: waiting \d+ s before /m);
    await machine.machine.sh(`rm ${dies}; smm-agent reconcile`);
    await machine.confirmed('0.3.12');
    assert.equal(await machine.show('MainPID'), main);
    const counted = () => machine.machine.sh('ls /run/smm-agent');
    await until('the failures to be forgotten', counted, TWO_MINUTES_MS, (names) => !names.includes('agent-failed'));
    await machine.assertIstioUntouched();
  });
});
