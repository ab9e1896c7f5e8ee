import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentMachine, NEW, OLD, PAYLOAD } from './agent-machine.ts';

describe('agent-heal, when the current version cannot start', () => {
  for (const [what, damage] of [
    ['its program is missing', `opt/smm-agent/versions/${NEW}/smm-agent.js`],
    ['its Node is missing', `opt/smm-agent/versions/${NEW}/node/bin/node`],
  ] as const) {
    it(`switches to the previous version when ${what}`, () => {
      using machine = new AgentMachine().version(OLD).version(NEW).link('current', NEW).link('previous', OLD);
      const { stderr } = machine.remove(damage).guard('start');
      assert.equal(machine.named('current'), OLD);
      assert.match(stderr, /<3>.*missing or damaged, or its Node does not run: starting smm-agent 0\.2\.0/);
    });
  }

  it('switches to the newest version that can start when there is no previous one', () => {
    using machine = new AgentMachine().version('0.1.0', { installedAt: 1 }).version('0.1.9', { installedAt: 2 });
    machine.link('current', '9.9.9').link('previous', '8.8.8').guard('start');
    assert.equal(machine.named('current'), '0.1.9');
  });

  it('switches to the version in the package when no other is left', () => {
    using machine = new AgentMachine().payload();
    machine.guard('start');
    assert.equal(machine.linkTarget('opt/smm-agent/current'), machine.at(PAYLOAD));
  });

  it('prefers an older version that was not rejected to newer ones that were', () => {
    using machine = new AgentMachine().version('0.1.0', { installedAt: 1 }).version('0.1.9', { installedAt: 2 });
    machine.version('0.1.8', { installedAt: 3 }).rejected('0.1.8').rejected('0.1.9');
    machine.link('current', NEW).link('previous', '0.1.9').guard('start');
    assert.equal(machine.named('current'), '0.1.0');
  });

  it('treats a version with an expired rejection as rejected', () => {
    using machine = new AgentMachine().version('0.1.0', { installedAt: 1 }).version('0.1.9', { installedAt: 2 });
    machine.file('var/lib/smm-agent/agent/expired/0.1.9', 'count=3\n').link('current', NEW).guard('start');
    assert.equal(machine.named('current'), '0.1.0');
  });

  it('prefers the version in the package to a rejected one, and a rejected one to none', () => {
    using machine = new AgentMachine().payload().version('0.1.9').rejected('0.1.9');
    machine.link('current', NEW).link('previous', '0.1.9').guard('start');
    assert.equal(machine.linkTarget('opt/smm-agent/current'), machine.at(PAYLOAD));
    machine.remove(`${PAYLOAD}/smm-agent.js`).guard('start');
    assert.equal(machine.named('current'), '0.1.9');
  });

  it('changes nothing and says so when no version can start', () => {
    using machine = new AgentMachine().link('current', NEW);
    const { status, stderr } = machine.guard('start');
    assert.equal(status, 0);
    assert.match(stderr, /<3>.*cannot find a version of smm-agent that can start: install the package/);
  });
});

describe('agent-heal, when the current version can start', () => {
  it('changes nothing, even if release.json is missing', () => {
    using machine = new AgentMachine().payload().version(NEW).link('current', NEW);
    machine.remove(`opt/smm-agent/versions/${NEW}/release.json`).guard('start');
    assert.equal(machine.named('current'), NEW);
  });
});

describe('agent-heal, after a failure of the current version', () => {
  /** NEW has failed, and is about to be started again. */
  function failed(damage: string | null): AgentMachine {
    const machine = new AgentMachine().version(OLD).version(NEW).link('current', NEW).link('previous', OLD);
    if (damage !== null) machine.file(`opt/smm-agent/versions/${NEW}/${damage}`, 'damaged by the disk\n', 0o755);
    machine.guard('start');
    machine.guard('ended');
    return machine;
  }

  for (const file of ['smm-agent.js', 'flags', 'node/bin/node']) {
    it(`switches to the previous version when ${file} differs from the installed file`, () => {
      using machine = failed(file);
      assert.equal(machine.named('current'), NEW);
      const { stderr } = machine.guard('start');
      assert.equal(machine.named('current'), OLD);
      assert.match(stderr, /<3>.*missing or damaged, or its Node does not run: starting smm-agent 0\.2\.0/);
    });
  }

  it('switches to the previous version when the Node of the current one does not run', () => {
    using machine = failed(null);
    machine.answer(NEW, '127\n');
    const { stderr } = machine.guard('start');
    assert.equal(machine.named('current'), OLD);
    assert.match(stderr, /<3>.*missing or damaged, or its Node does not run: starting smm-agent 0\.2\.0/);
  });

  it('passes over the previous version when its Node does not run either', () => {
    using machine = failed(null);
    machine.version('0.1.0', { installedAt: 1 }).answer(NEW, '127\n').answer(OLD, '127\n'.repeat(9)).guard('start');
    assert.equal(machine.named('current'), '0.1.0');
  });

  it('keeps the version when its Node is only slow', () => {
    using machine = failed(null);
    machine.answer(NEW, '124\n').guard('start');
    assert.equal(machine.named('current'), NEW);
  });

  it('keeps the version when nothing is damaged', () => {
    using machine = failed(null);
    machine.guard('start');
    assert.equal(machine.named('current'), NEW);
  });

  it('keeps the version when release.json, which has the digests, is missing', () => {
    using machine = failed('smm-agent.js');
    machine.remove(`opt/smm-agent/versions/${NEW}/release.json`).guard('start');
    assert.equal(machine.named('current'), NEW);
  });

  it('keeps a damaged version when every other one is damaged too', () => {
    using machine = failed('smm-agent.js');
    machine.file(`opt/smm-agent/versions/${OLD}/smm-agent.js`, 'damaged too\n');
    const { status, stderr } = machine.guard('start');
    assert.deepEqual([status, machine.named('current')], [0, NEW]);
    assert.match(stderr, /<3>.*cannot find a version of smm-agent that can start: install the package/);
  });

  it('compares digests until the agent has completed a turn, and again after the next failure', () => {
    using machine = failed('smm-agent.js');
    machine.file(`opt/smm-agent/versions/${OLD}/smm-agent.js`, 'damaged too\n').guard('start');
    machine.remove('run/smm-agent/agent-failed').version(OLD).guard('start');
    assert.equal(machine.named('current'), NEW);
    machine.guard('ended');
    machine.guard('start');
    assert.equal(machine.named('current'), OLD);
  });

  it('counts failures in a row, until an end that is no failure', () => {
    using machine = failed(null);
    const count = () => machine.read('run/smm-agent/agent-failed');
    assert.equal(count(), 'count=1\n');
    machine.guard('start');
    machine.guard('ended');
    assert.equal(count(), 'count=2\n');
    // An earlier package has left an empty file.
    machine.file('run/smm-agent/agent-failed', '').guard('ended');
    assert.equal(count(), 'count=1\n');
    machine.guard('ended', { result: 'success', status: '0' });
    assert.equal(count(), null);
  });
});
