/**
 * The scripts that roll back a release of Istio or a version of the agent: killed at each mv and rm, and completed by
 * the next start.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentMachine, NEW, OLD } from './agent-machine.ts';
import { CRASH, rejection, STATE, startAndEnd, upgraded } from './put-back.ts';
import { A, B, type ScriptMachine } from './script-machine.ts';

describe('a rollback of Istio', () => {
  /** B has ended twice and runs for the third time. */
  function beforeThirdEnd(): ScriptMachine {
    const machine = upgraded().link('active', B).file(`${STATE}/switched`, `from=${A}\nto=${B}\n`);
    machine.file(`${STATE}/ends/${B}`, 'count=2\ninvocation=i-2\nhow=signal\n');
    machine.file('run/smm-agent/istio-started', `uptime=999\nboot=boot-1\ninvocation=i-3\nrelease=${B}\naddress=yes\n`);
    return machine;
  }

  it('is completed after a kill at each mv and rm', () => {
    using unharmed = beforeThirdEnd().countWrites();
    unharmed.stopped('i-3', CRASH);
    const ofTheEnd = unharmed.writes();
    unharmed.start('i-4');
    const writes = unharmed.writes();
    assert.ok(ofTheEnd >= 6 && writes > ofTheEnd, `${ofTheEnd} of ${writes} writes were seen`);
    for (let nth = 1; nth <= writes; nth++) {
      using machine = beforeThirdEnd().killAtWrite(nth);
      machine.stopped('i-3', CRASH);
      machine.start('i-4');
      machine.countWrites();
      // A kill before the third end was counted costs one more end.
      if (rejection(machine, B) === null) startAndEnd(machine);
      machine.start('i-last');
      assert.deepEqual([machine.linked('active'), machine.linked('staged')], [A, A], `killed at ${nth}`);
      assert.match(rejection(machine, B) ?? '', /^count=1$/m, `killed at ${nth}`);
    }
  });
});

describe('a rollback of the agent', () => {
  /** The number of writes of a rollback, counted in a run without a kill. Each of them is killed in turn. */
  const writes = (() => {
    using machine = AgentMachine.onTrial().countWrites();
    machine.guard('ended');
    return machine.writes();
  })();

  for (let nth = 1; nth <= writes; nth += 1) {
    it(`is completed before the next start after a kill at write ${nth}`, () => {
      using machine = AgentMachine.onTrial({ previous: '0.1.0' }).version('0.1.0').killAtWrite(nth);
      machine.guard('ended');
      for (const program of ['mv', 'rm']) machine.program(program, `exec /usr/bin/${program} "$@"`);
      assert.equal(machine.guard('start', { invocation: 'i-2' }).status, 0);
      assert.deepEqual([machine.named('current'), machine.named('previous')], [OLD, '0.1.0']);
      assert.equal(machine.noted(`rejected/${NEW}`, 'count'), '1');
      assert.equal(machine.evidence(NEW), 'the last words\n');
      assert.equal(machine.isOnProbation(), false);
    });
  }

  it('takes at least five writes, so that the tests above are not empty', () => assert.ok(writes >= 5));
});
