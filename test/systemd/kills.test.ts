/** The scripts that put a release, or a version of the agent, back: ended at each change of a name, and completed by the next start. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentMachine, NEW, OLD } from './agent-machine.ts';
import { CRASH, rejection, STATE, startAndEnd, upgraded } from './put-back.ts';
import { A, B, type ScriptMachine } from './script-machine.ts';

describe('a release that is put back', () => {
  /** B has ended twice and runs for the third time. */
  function beforeThirdEnd(): ScriptMachine {
    const machine = upgraded().link('active', B).file(`${STATE}/switched`, `from=${A}\nto=${B}\n`);
    machine.file(`${STATE}/ends/${B}`, 'count=2\ninvocation=i-2\nhow=signal\n');
    machine.file('run/smm-agent/istio-started', `uptime=999\nboot=boot-1\ninvocation=i-3\nrelease=${B}\naddress=yes\n`);
    return machine;
  }

  it('is recovered from a kill at any change of a name', () => {
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

describe('the putting back of a version', () => {
  /** The writes that it takes, each of which is cut off in turn; as many as a run without a kill has. */
  const writes = (() => {
    using machine = AgentMachine.onTrial().countWrites();
    machine.guard('ended');
    return machine.writes();
  })();

  for (let nth = 1; nth <= writes; nth += 1) {
    it(`killed at its write ${nth} is completed before the next start`, () => {
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

  it('takes several writes, so that the cases above say something', () => assert.ok(writes >= 5));
});
