import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentError } from '../../src/base/errors.ts';
import type { Target } from '../../src/control-plane/target/target.ts';
import type { Attempt } from '../../src/decision/attempts.ts';
import type { Step } from '../../src/decision/step.ts';
import type { AgentWanted } from '../../src/decision/wanted-agent.ts';
import type { AgentObservation, Observation } from '../../src/observation/observation.ts';
import type { Reported, TurnDependencies } from '../../src/turn/dependencies.ts';
import { turn } from '../../src/turn/turn.ts';
import type { Probation } from '../../src/versions/probation.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { AGENT, config, NEW, NOW, OLD, observed, SAME, wants } from '../support/observed.ts';

const UPGRADE: AgentWanted = { ...SAME, answer: 'version', version: '0.3.0', step: 'upgrade' };
const PROBATION: Probation = {
  id: 'abcd0123',
  from: '0.2.0',
  to: '0.3.0',
  previous: null,
  begun: '2026-11-23T11:59:50.000Z',
  deadline: 100,
  extended: 0,
};

/** Turn dependencies that write down each step and each event, and in which some steps fail. */
class WrittenDown implements TurnDependencies {
  readonly done: string[] = [];
  readonly said: string[] = [];
  observation: Observation;
  agentWanted: AgentWanted = SAME;
  failing: ReadonlySet<string> = new Set();
  confirms: string[] | null = [];
  readonly #attempts = new Map<string, Attempt>();

  constructor(agent: Partial<AgentObservation> = {}) {
    this.observation = observed({ agent: { ...AGENT, ...agent } });
  }

  observe = async () => this.observation;
  observeAgent = async () => this.observation.agent;
  readonly clock = new ManualClock();
  target = async (): Promise<Target> => ({ answer: 'missing', reason: 'none' });
  wanted = async () => wants(NEW);
  wantedAgent = async () => this.agentWanted;
  adoptedRevision = async () => null;
  attempts = async () => this.#attempts;
  writeRules = async () => {};
  concludeProbation = async () => this.confirms;

  async take(step: Step): Promise<void> {
    this.done.push(step.do);
    if (this.failing.has(step.do)) throw new AgentError('SMM507', `cannot ${step.do}`, 'nothing');
    if (step.do === 'upgrade-agent') this.#agent({ installed: step.version, probation: PROBATION });
    if (step.do === 'stage') this.observation = { ...this.observation, staged: NEW, releases: [OLD, NEW] };
  }

  async failed(step: Step, { message: reason }: AgentError): Promise<void> {
    if ('key' in step)
      this.#attempts.set(step.key, {
        reason,
        count: 1,
        retryAt: new Date(NOW.getTime() + 60_000),
        at: this.clock.now(),
      });
  }

  #agent(change: Partial<AgentObservation>): void {
    this.observation = { ...this.observation, agent: { ...this.observation.agent, ...change } };
  }

  async report(): Promise<Reported> {
    this.done.push('report');
    return { warnings: [], awaitsEntry: false };
  }

  turn(isTyped = false) {
    return turn(this, {
      isTyped,
      config: config(),
      clock: this.clock,
      ask: 'poll',
      nextPoll: null,
      tell: (event) => {
        if (event.kind === 'done' || event.kind === 'failed') this.said.push(event.text);
      },
      signal: new AbortController().signal,
    });
  }
}

describe("a turn with the agent's own upgrade", () => {
  it('reports before it restarts the agent, and leaves all other steps to the next version', async () => {
    const world = new WrittenDown();
    world.agentWanted = UPGRADE;
    const { upgrade } = await world.turn();
    assert.deepEqual(world.done, ['upgrade-agent', 'report', 'restart-agent']);
    assert.deepEqual([upgrade?.installed, upgrade?.state], ['0.3.0', 'waiting']);
  });

  it('reports a restart that systemd refuses, and asks again at the next turn', async () => {
    const world = new WrittenDown();
    world.agentWanted = UPGRADE;
    world.failing = new Set(['restart-agent']);
    const { agent } = await world.turn();
    assert.deepEqual(world.done.splice(0), ['upgrade-agent', 'report', 'restart-agent', 'report']);
    assert.deepEqual(agent.state, 'failing');
    world.failing = new Set();
    await world.turn();
    assert.deepEqual(world.done, ['report', 'restart-agent']);
  });

  it('tries failed steps again at once, and only once, for a command that an operator has typed', async () => {
    const world = new WrittenDown();
    world.agentWanted = UPGRADE;
    world.failing = new Set(['upgrade-agent', 'stage']);
    await world.turn();
    await world.turn();
    assert.deepEqual(world.done.splice(0), ['upgrade-agent', 'stage', 'report', 'report'], 'each waits for its time');
    world.clock.pass(1_000);
    await world.turn(true);
    assert.deepEqual(world.done.splice(0), ['upgrade-agent', 'stage', 'report']);
    world.failing = new Set();
    world.clock.pass(1_000);
    const { upgrade } = await world.turn(true);
    assert.equal(upgrade?.installed, '0.3.0', 'a failure that was corrected is not reported any more');
  });

  it('stages Istio all the same when the upgrade fails', async () => {
    const world = new WrittenDown();
    world.agentWanted = UPGRADE;
    world.failing = new Set(['upgrade-agent']);
    const { upgrade } = await world.turn();
    assert.deepEqual(world.done, ['upgrade-agent', 'stage', 'report']);
    assert.equal(upgrade?.state, 'failing');
  });
});

describe('a turn that cannot be completed', () => {
  const cause = new AgentError('SMM302', 'cannot understand /etc/istio/config/mesh', 'nothing');
  const fails = () => Promise.reject(cause);

  for (const part of ['observe', 'wanted', 'writeRules'] as const) {
    it(`because ${part} fails still upgrades the agent: the wanted version may have the fix`, async () => {
      const world = new WrittenDown();
      world.agentWanted = UPGRADE;
      world[part] = fails;
      await assert.rejects(world.turn(), cause);
      assert.deepEqual(world.done, ['upgrade-agent', 'restart-agent']);
    });
  }

  it('takes no step if no other version is wanted', async () => {
    const world = new WrittenDown();
    world.observe = fails;
    await assert.rejects(world.turn(), cause);
    assert.deepEqual([world.done, world.said], [[], []]);
  });

  it('notes a failed upgrade like any other', async () => {
    const world = new WrittenDown();
    world.agentWanted = UPGRADE;
    world.observe = fails;
    world.failing = new Set(['upgrade-agent']);
    await assert.rejects(world.turn(), cause);
    await assert.rejects(world.turn(), cause);
    assert.deepEqual(world.done, ['upgrade-agent'], 'once: the next try is later');
  });

  it('takes no step on probation: the scripts judge that version', async () => {
    const world = new WrittenDown({ running: '0.3.0', installed: '0.3.0', probation: PROBATION });
    world.agentWanted = { ...UPGRADE, version: '0.4.0' };
    world.observe = fails;
    await assert.rejects(world.turn(), cause);
    assert.deepEqual(world.done, []);
  });

  it('also reports why the agent cannot be upgraded, if that is another error', async () => {
    const world = new WrittenDown();
    world.agentWanted = UPGRADE;
    world.observe = fails;
    world.observeAgent = () => Promise.reject(new AgentError('SMM520', 'cannot read /opt/smm-agent', 'nothing'));
    await assert.rejects(world.turn(), cause);
    assert.match(world.said.join('; '), /^cannot check for another version of the agent: cannot read \/opt\/smm-agent/);
    world.said.splice(0);
    world.observeAgent = fails;
    await assert.rejects(world.turn(), cause);
    assert.deepEqual(world.said, []);
  });
});

describe('a turn of a version on probation', () => {
  const onTrial = { running: '0.3.0', installed: '0.3.0', probation: PROBATION };

  it('takes no step and reports nothing to the control plane before the version is confirmed', async () => {
    const world = new WrittenDown(onTrial);
    world.confirms = null;
    await world.turn();
    assert.deepEqual(world.done, []);
  });

  it('says that the version is confirmed, and then takes steps', async () => {
    const world = new WrittenDown(onTrial);
    world.agentWanted = { ...SAME, answer: 'version', version: '0.3.0', step: 'same' };
    world.concludeProbation = async () => {
      world.observation = observed({ agent: { ...AGENT, ...onTrial, probation: null } });
      return ['smm-agent 0.3.0 is confirmed'];
    };
    await world.turn();
    assert.deepEqual(world.done, ['stage', 'report']);
    assert.match(world.said.join('; '), /^smm-agent 0\.3\.0 is confirmed; staged Istio/);
  });

  describe('with a control plane that answers a dozen requests slowly', () => {
    it('is concluded after 20 s with the answers so far, long before the deadline', async () => {
      const world = new WrittenDown(onTrial);
      world.confirms = null;
      world.target = () => new Promise(() => {});
      const beganMs = world.clock.bootTimeMs();
      const { target } = await world.clock.passUntil(world.turn());
      assert.equal(world.clock.bootTimeMs() - beganMs, 20_000);
      assert.match(target.reason ?? '', /no complete answer after 20 s/);
      assert.deepEqual(world.done, []);
    });

    it('takes steps with the whole answer after the version is confirmed', async () => {
      const world = new WrittenDown(onTrial);
      const answer = Promise.withResolvers<Target>();
      world.target = () => answer.promise;
      world.concludeProbation = async () => {
        world.observation = observed({ agent: { ...AGENT, ...onTrial, probation: null } });
        answer.resolve({ answer: 'missing', reason: 'at last' });
        return ['smm-agent 0.3.0 is confirmed'];
      };
      const { target } = await world.clock.passUntil(world.turn());
      assert.deepEqual([target.answer, target.reason], ['missing', 'at last']);
      assert.deepEqual(world.done, ['stage', 'report']);
    });

    it('waits for the whole answer after the probation was extended, like any other turn', async () => {
      const world = new WrittenDown({ ...onTrial, probation: { ...PROBATION, extended: 1 } });
      world.confirms = null;
      const answer = Promise.withResolvers<Target>();
      world.target = () => answer.promise;
      const turned = world.turn();
      world.clock.pass(60_000);
      answer.resolve({ answer: 'missing', reason: 'at last' });
      assert.equal((await turned).target.reason, 'at last');
    });
  });
});
