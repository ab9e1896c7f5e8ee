import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentMachine, NEW, OLD, PAYLOAD } from './agent-machine.ts';

describe('a current version that cannot start', () => {
  for (const [what, damage] of [
    ['whose folder is gone', `opt/smm-agent/versions/${NEW}/smm-agent.js`],
    ['without its runtime', `opt/smm-agent/versions/${NEW}/node/bin/node`],
  ] as const) {
    it(`${what} gives way to the one before`, () => {
      using machine = new AgentMachine().version(OLD).version(NEW).link('current', NEW).link('previous', OLD);
      const { stderr } = machine.remove(damage).guard('start');
      assert.equal(machine.named('current'), OLD);
      assert.match(stderr, /<3>.*missing or damaged, or its Node does not run: smm-agent 0\.2\.0 starts in its place/);
    });
  }

  it('gives way to the newest one that can start', () => {
    using machine = new AgentMachine().version('0.1.0', { installedAt: 1 }).version('0.1.9', { installedAt: 2 });
    machine.link('current', '9.9.9').link('previous', '8.8.8').guard('start');
    assert.equal(machine.named('current'), '0.1.9');
  });

  it('gives way to what the package brings, where nothing else is left', () => {
    using machine = new AgentMachine().payload();
    machine.guard('start');
    assert.equal(machine.linkTarget('opt/smm-agent/current'), machine.at(PAYLOAD));
  });

  it('does not give way to a version that was rejected, where there is another', () => {
    using machine = new AgentMachine().version('0.1.0', { installedAt: 1 }).version('0.1.9', { installedAt: 2 });
    machine.version('0.1.8', { installedAt: 3 }).rejected('0.1.8').rejected('0.1.9');
    machine.link('current', NEW).link('previous', '0.1.9').guard('start');
    assert.equal(machine.named('current'), '0.1.0');
  });

  it('takes one for rejected that was, and has not been confirmed since', () => {
    using machine = new AgentMachine().version('0.1.0', { installedAt: 1 }).version('0.1.9', { installedAt: 2 });
    machine.file('var/lib/smm-agent/agent/expired/0.1.9', 'count=3\n').link('current', NEW).guard('start');
    assert.equal(machine.named('current'), '0.1.0');
  });

  it('gives way to what the package brings before one that was rejected, and to that one before nothing', () => {
    using machine = new AgentMachine().payload().version('0.1.9').rejected('0.1.9');
    machine.link('current', NEW).link('previous', '0.1.9').guard('start');
    assert.equal(machine.linkTarget('opt/smm-agent/current'), machine.at(PAYLOAD));
    machine.remove(`${PAYLOAD}/smm-agent.js`).guard('start');
    assert.equal(machine.named('current'), '0.1.9');
  });

  it('stays as it is where nothing can start, and that is said', () => {
    using machine = new AgentMachine().link('current', NEW);
    const { status, stderr } = machine.guard('start');
    assert.equal(status, 0);
    assert.match(stderr, /<3>.*cannot find a version of smm-agent that can start: install the package/);
  });
});

describe('a current version that can start', () => {
  it('is left alone, whatever else is wrong', () => {
    using machine = new AgentMachine().payload().version(NEW).link('current', NEW);
    machine.remove(`opt/smm-agent/versions/${NEW}/release.json`).guard('start');
    assert.equal(machine.named('current'), NEW);
  });
});

describe('a current version that has failed', () => {
  /** Ends as a failure, and is about to be started again. */
  function failed(damage: string | null): AgentMachine {
    const machine = new AgentMachine().version(OLD).version(NEW).link('current', NEW).link('previous', OLD);
    if (damage !== null) machine.file(`opt/smm-agent/versions/${NEW}/${damage}`, 'what a disk has made of it\n', 0o755);
    machine.guard('start');
    machine.guard('ended');
    return machine;
  }

  for (const file of ['smm-agent.js', 'flags', 'node/bin/node']) {
    it(`gives way where ${file} is not what was installed`, () => {
      using machine = failed(file);
      assert.equal(machine.named('current'), NEW);
      const { stderr } = machine.guard('start');
      assert.equal(machine.named('current'), OLD);
      assert.match(stderr, /<3>.*missing or damaged, or its Node does not run: smm-agent 0\.2\.0 starts in its place/);
    });
  }

  it('gives way where its Node lacks something that this machine had, and so does not start', () => {
    using machine = failed(null);
    machine.answer(NEW, '127\n');
    const { stderr } = machine.guard('start');
    assert.equal(machine.named('current'), OLD);
    assert.match(stderr, /<3>.*missing or damaged, or its Node does not run: smm-agent 0\.2\.0 starts in its place/);
  });

  it('gives way to none whose Node does not start either', () => {
    using machine = failed(null);
    machine.version('0.1.0', { installedAt: 1 }).answer(NEW, '127\n').answer(OLD, '127\n'.repeat(9)).guard('start');
    assert.equal(machine.named('current'), '0.1.0');
  });

  it('starts again where its Node is only slow', () => {
    using machine = failed(null);
    machine.answer(NEW, '124\n').guard('start');
    assert.equal(machine.named('current'), NEW);
  });

  it('starts again where nothing of it is damaged', () => {
    using machine = failed(null);
    machine.guard('start');
    assert.equal(machine.named('current'), NEW);
  });

  it('starts again where what was installed is not known', () => {
    using machine = failed('smm-agent.js');
    machine.remove(`opt/smm-agent/versions/${NEW}/release.json`).guard('start');
    assert.equal(machine.named('current'), NEW);
  });

  it('starts again where every other one is damaged as well', () => {
    using machine = failed('smm-agent.js');
    machine.file(`opt/smm-agent/versions/${OLD}/smm-agent.js`, 'damaged too\n');
    const { status, stderr } = machine.guard('start');
    assert.deepEqual([status, machine.named('current')], [0, NEW]);
    assert.match(stderr, /<3>.*cannot find a version of smm-agent that can start: install the package/);
  });

  it('is looked at until it has completed a turn', () => {
    using machine = failed('smm-agent.js');
    machine.file(`opt/smm-agent/versions/${OLD}/smm-agent.js`, 'damaged too\n').guard('start');
    machine.remove('run/smm-agent/agent-failed').version(OLD).guard('start');
    assert.equal(machine.named('current'), NEW);
    machine.guard('ended');
    machine.guard('start');
    assert.equal(machine.named('current'), OLD);
  });

  it('is counted, one failure after the other, until an end that is none', () => {
    using machine = failed(null);
    const count = () => machine.read('run/smm-agent/agent-failed');
    assert.equal(count(), 'count=1\n');
    machine.guard('start');
    machine.guard('ended');
    assert.equal(count(), 'count=2\n');
    // As an earlier package left it.
    machine.file('run/smm-agent/agent-failed', '').guard('ended');
    assert.equal(count(), 'count=1\n');
    machine.guard('ended', { result: 'success', status: '0' });
    assert.equal(count(), null);
  });
});
