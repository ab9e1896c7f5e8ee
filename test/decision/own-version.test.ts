import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Attempt } from '../../src/decision/attempts.ts';
import { decide } from '../../src/decision/decide.ts';
import type { AgentWanted } from '../../src/decision/wanted-agent.ts';
import type { AgentObservation } from '../../src/observation/observation.ts';
import { describeStatus } from '../../src/status/describe.ts';
import type { Failure } from '../../src/status/status.ts';
import type { Probation } from '../../src/versions/probation.ts';
import type { VersionRejection } from '../../src/versions/rejections.ts';
import { AGENT, config, minutesAgo, NEW, NOW, OLD, observed, SAME, wants } from '../support/observed.ts';

const WANTED: AgentWanted = {
  answer: 'version',
  version: '0.3.0',
  step: 'upgrade',
  least: null,
  repository: 'https://downloads.example/smm',
};
const KEY = 'agent 0.3.0 from downloads.example';
const REJECTION: VersionRejection = {
  how: 'put back',
  id: 'abcd0123',
  instead: '0.2.0',
  reason: 'it ended by itself 3 s after its start (exit-code, exited 1)',
  count: 1,
  at: minutesAgo(5),
  retryAt: new Date('2026-11-24T11:55:00Z'),
};
const PROBATION: Probation = {
  id: 'abcd0123',
  from: '0.1.0',
  to: '0.2.0',
  previous: null,
  begun: '2026-11-23T11:59:50.000Z',
  deadline: 100,
  extended: 0,
};

interface Case {
  agent?: Partial<AgentObservation>;
  agentWanted?: AgentWanted;
  attempts?: [string, Attempt][];
  failures?: Failure[];
  /** Istio is to be staged as well. */
  withIstio?: boolean;
}

function decided({ agent, agentWanted = WANTED, attempts = [], failures = [], withIstio = false }: Case) {
  const observation = observed({ agent: { ...AGENT, ...agent } });
  const wanted = wants(withIstio ? NEW : OLD);
  const decision = decide({
    observation,
    wanted,
    agentWanted,
    config: config(),
    attempts: new Map(attempts),
    adoptedRevision: null,
  });
  const status = describeStatus({
    pid: 1,
    workloadGroup: config().workloadGroup,
    observation,
    target: { answer: 'missing', reason: 'none' },
    wanted,
    agentWanted,
    decision,
    failures,
    warnings: [],
    nextPoll: null,
  });
  return { decision, steps: decision.steps.map((step) => step.do), agent: status.agent, upgrade: status.upgrade };
}

describe('the wanted version of the agent', () => {
  it('is installed before every other step', () => {
    const { decision, steps, upgrade } = decided({ withIstio: true });
    assert.deepEqual(steps, ['upgrade-agent', 'stage']);
    assert.deepEqual(decision.steps[0], {
      do: 'upgrade-agent',
      version: '0.3.0',
      from: '0.2.0',
      repository: 'https://downloads.example/smm',
      key: KEY,
      why: 'smm-agent 0.3.0 is wanted, in place of 0.2.0',
    });
    assert.deepEqual([upgrade?.running, upgrade?.wanted, upgrade?.state], ['0.2.0', '0.3.0', 'waiting']);
  });

  it('needs no step when it runs already', () => {
    const { steps, decision, upgrade } = decided({ agentWanted: SAME });
    assert.deepEqual([steps, decision.notDone, upgrade?.state, upgrade?.reason], [[], [], 'current', null]);
  });

  const none = { least: null, repository: null };
  const rows: [string, Case, string, RegExp, string?][] = [
    [
      'no version is wanted',
      { agentWanted: { answer: 'off', reason: 'agent upgrades are off: ConfigMap smm-agent not found', ...none } },
      'off',
      /^agent upgrades are off: ConfigMap smm-agent not found$/,
      'ready',
    ],
    [
      'it is held',
      {
        agentWanted: {
          answer: 'held',
          by: 'control-plane',
          version: '0.3.0',
          reason: 'agents are held by ConfigMap smm-agent',
          ...none,
        },
      },
      'held',
      /agents are held/,
      'ready',
    ],
    [
      'this machine does not allow it',
      {
        agentWanted: {
          answer: 'not-allowed',
          version: '0.3.0',
          reason: 'outside of what agent.allow permits',
          ...none,
        },
      },
      'rejected',
      /agent\.allow/,
      'rejected',
    ],
    [
      'it was rolled back before',
      { agent: { rejected: new Map([['0.3.0', REJECTION]]) } },
      'rejected',
      /0\.3\.0 was rejected: it ended by itself 3 s .*; not tried again before 2026-11-24T11:55:00\.000Z \(smm-agent retry clears it\)/,
      'rejected',
    ],
    [
      'an operator rolled it back',
      { agent: { left: { version: '0.3.0', for: '0.2.0', at: '2026-11-23T11:00:00.000Z' } } },
      'rejected',
      /an operator rolled smm-agent 0\.3\.0 back at 2026-11-23T11:00:00\.000Z \(smm-agent retry installs it again\)/,
      'rejected',
    ],
    [
      'the last try failed',
      {
        attempts: [
          [KEY, { reason: 'cannot download: no connection', count: 1, retryAt: new Date(NOW.getTime() + 1000) }],
        ],
      },
      'failing',
      /cannot download: no connection; tried once, not again before/,
      'failing',
    ],
    [
      'its package has put it in place',
      { agent: { installed: '0.3.0' } },
      'waiting',
      /0\.3\.0 starts next; smm-agent 0\.2\.0 is still running/,
      'ready',
    ],
    [
      'a command makes the turn',
      { agent: { invocation: null } },
      'waiting',
      /only the daemon changes its version/,
      'ready',
    ],
    [
      'the control plane gives no answer',
      { agentWanted: { answer: 'unknown', reason: 'no answer', ...none } },
      'waiting',
      /no answer/,
      'ready',
    ],
  ];
  for (const [when, given, state, reason, agentState] of rows) {
    it(`is not installed when ${when}; Istio is staged all the same`, () => {
      const { steps, upgrade, agent } = decided({ ...given, withIstio: true });
      assert.deepEqual(steps, ['stage']);
      assert.equal(upgrade?.state, state);
      assert.match(upgrade?.reason ?? '', reason);
      // If there is nothing to do for Istio, the state of the agent says why the agent is not upgraded.
      assert.equal(decided(given).agent.state, agentState);
      assert.notEqual(agent.state, 'blocked');
    });
  }

  it('is tried again at once from another repository, and from the same one at the time of the next try', () => {
    const attempt = { reason: 'no connection', count: 1, retryAt: new Date(NOW.getTime() + 1000) };
    assert.deepEqual(decided({ attempts: [['agent 0.3.0 from mirror.example', attempt]] }).steps, ['upgrade-agent']);
    assert.deepEqual(decided({ attempts: [[KEY, { ...attempt, retryAt: NOW }]] }).steps, ['upgrade-agent']);
  });

  it('blocks the staging of Istio only if the control plane requires a newer agent for it', () => {
    const least = (met: boolean): AgentWanted => ({ ...WANTED, least: { version: '0.3.0', met } });
    assert.deepEqual(decided({ agentWanted: least(true), withIstio: true }).steps, ['upgrade-agent', 'stage']);
    const { steps, decision } = decided({ agentWanted: least(false), withIstio: true });
    assert.deepEqual(steps, ['upgrade-agent']);
    assert.ok(
      decision.notDone.some(({ step, reason }) => step === 'stage' && /at least smm-agent 0\.3\.0/.test(reason)),
    );
  });

  it('is shown with the failure of the same turn', () => {
    const failures: Failure[] = [{ step: 'upgrade-agent', sentence: 'cannot download it', blocked: false }];
    const { upgrade } = decided({
      failures,
      agentWanted: { ...WANTED, repository: null },
      agent: { installed: '0.2.0' },
    });
    assert.deepEqual([upgrade?.state, upgrade?.reason], ['failing', 'cannot download it']);
  });
});

describe('a version on probation', () => {
  it('changes nothing before it is confirmed', () => {
    const { steps, decision, upgrade } = decided({ agent: { probation: PROBATION }, withIstio: true });
    assert.deepEqual(steps, []);
    assert.ok(decision.notDone.every(({ reason }) => reason === 'this version of the agent is on probation'));
    assert.equal(upgrade?.state, 'probation');
    assert.match(upgrade?.reason ?? '', /^in place of 0\.1\.0 since 2026-11-23T11:59:50\.000Z$/);
    assert.deepEqual(upgrade?.probation, { version: '0.2.0', from: '0.1.0', begun: PROBATION.begun, prolonged: 0 });
  });

  it('works after its probation was extended: a machine must not wait for a control plane that is down', () => {
    const { steps, upgrade } = decided({
      agent: { probation: { ...PROBATION, extended: 1 } },
      agentWanted: SAME,
      withIstio: true,
    });
    assert.deepEqual(steps, ['stage']);
    assert.match(upgrade?.reason ?? '', /extended because the cause is not this version/);
  });

  describe('that is installed and does not run yet', () => {
    const probation = { ...PROBATION, to: '0.3.0', from: '0.2.0' };
    const switched = { probation, installed: '0.3.0' };

    it('is started, even if another version is wanted by then', () => {
      const answers = [
        WANTED,
        SAME,
        { answer: 'off', reason: 'no version is wanted', least: null, repository: null } as const,
      ];
      for (const agentWanted of answers) {
        const { steps, upgrade } = decided({ agent: switched, agentWanted });
        assert.deepEqual(steps, ['restart-agent']);
        assert.equal(upgrade?.probation?.version, '0.3.0');
        assert.deepEqual([upgrade?.state, upgrade?.reason], ['waiting', 'smm-agent 0.3.0 is in place, and starts now']);
      }
    });

    it('is reported as failing if systemd does not restart the agent', () => {
      const failures: Failure[] = [{ step: 'restart-agent', sentence: 'cannot reach systemd', blocked: false }];
      const { upgrade, agent } = decided({ agent: switched, failures });
      assert.deepEqual([upgrade?.state, agent.state], ['failing', 'failing']);
    });

    it('is not started by a command', () => {
      assert.deepEqual(decided({ agent: { ...switched, invocation: null } }).steps, []);
    });
  });
});

describe('versions that are not needed', () => {
  const removed = (agent: Partial<AgentObservation>) =>
    decided({ agent, agentWanted: SAME }).decision.steps.flatMap((step) =>
      step.do === 'clean-versions' ? step.remove : [],
    );

  it('are removed, except the running one, the previous one, and one more', () => {
    assert.deepEqual(removed({ versions: ['0.0.8', '0.1.0', '0.0.9', '0.2.0'] }), ['0.0.8']);
    assert.deepEqual(removed({ versions: ['0.0.9', '0.1.0', '0.2.0'] }), []);
  });

  it('stay if otherwise a rejected version would stay instead', () => {
    const rejected = new Map([['0.3.0', REJECTION]]);
    assert.deepEqual(removed({ versions: ['0.0.8', '0.0.9', '0.1.0', '0.2.0', '0.3.0'], rejected }), [
      '0.0.8',
      '0.3.0',
    ]);
    assert.deepEqual(removed({ versions: ['0.1.0', '0.2.0', '0.3.0'], rejected }), []);
  });

  it('stay while another version than the current one runs', () => {
    assert.deepEqual(removed({ versions: ['0.0.7', '0.0.8', '0.2.0', '0.3.0'], installed: '0.3.0' }), []);
  });
});
