import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Config } from '../../src/config/schema.ts';
import { type AgentPolicy, policyNames, policyOf } from '../../src/control-plane/target/agent-policy.ts';
import { wantedAgent } from '../../src/decision/wanted-agent.ts';

const RUNNING = '0.3.0';

function config(change: { hold?: boolean; agent?: { allow: string }; repository?: { url: string } } = {}): Config {
  const required = {
    workloadGroup: { namespace: 'shop', name: 'orders' },
    controlPlane: { server: 'https://10.0.0.1' },
  };
  return Config.parse({ ...required, ...change });
}

function policy(general: Record<string, string> | null, specific?: Record<string, string>): AgentPolicy {
  const found = [{ name: 'smm-agent', data: general }];
  return policyOf(specific === undefined ? found : [{ name: 'smm-agent-canary', data: specific }, ...found]);
}

const wanted = (data: Record<string, string>, change?: Parameters<typeof config>[0]) =>
  wantedAgent(policy(data), config(change), RUNNING);

describe("the control plane's settings for the agents", () => {
  it('come from the ConfigMap of the revision, and then from the ConfigMap for all', () => {
    assert.deepEqual(policyNames(''), ['smm-agent']);
    assert.deepEqual(policyNames('canary'), ['smm-agent-canary', 'smm-agent']);
  });

  it('are taken key by key, from the more specific ConfigMap first', () => {
    const both = policy(
      { agentVersion: '0.3.0', repository: 'https://downloads.example/smm', hold: 'true' },
      { agentVersion: '0.4.0', hold: 'false' },
    );
    assert.deepEqual(both, {
      answer: 'wishes',
      agentVersion: '0.4.0',
      minAgentVersion: null,
      repository: 'https://downloads.example/smm',
      hold: false,
      source: 'ConfigMap smm-agent-canary, ConfigMap smm-agent',
      doubts: [],
    });
  });

  it('are absent without a ConfigMap', () => {
    assert.deepEqual(policy(null), { answer: 'absent', reason: 'ConfigMap smm-agent not found' });
    assert.deepEqual(policyOf(policyNames('canary').map((name) => ({ name, data: null }))), {
      answer: 'absent',
      reason: 'ConfigMap smm-agent-canary or smm-agent not found',
    });
  });

  for (const [data, reason] of [
    [{ hold: 'yes' }, 'ConfigMap smm-agent cannot be used: hold must be "true" or "false"'],
    [{ repository: 'http://downloads.example' }, /repository must be a URL that begins with https:\/\//],
    [{ repository: 'downloads' }, /repository must be a URL that begins with https:\/\//],
  ] as const) {
    it(`that cannot be understood (${JSON.stringify(data)}) change nothing`, () => {
      const seen = policy(data);
      assert.equal(seen.answer, 'invalid');
      if (seen.answer === 'invalid')
        assert.match(seen.reason, typeof reason === 'string' ? new RegExp(reason) : reason);
    });
  }

  it('are used even if this version does not know one of the keys, and a warning names the key', () => {
    const seen = policy({ agentVersion: '0.4.0', agentversion: '0.5.0', other: '' });
    assert.deepEqual(seen.answer === 'wishes' && seen.doubts, [
      'ConfigMap smm-agent has a key agentversion, which this version does not know (did you mean agentVersion?)',
      'ConfigMap smm-agent has a key other, which this version does not know',
    ]);
  });
});

describe('the version of the agent that is wanted here', () => {
  const cases: [string, Record<string, string>, Parameters<typeof config>[0], string, RegExp | string | null][] = [
    ['what runs', { agentVersion: '0.3.0' }, {}, 'version', 'same'],
    ['a later one', { agentVersion: '0.4.0' }, {}, 'version', 'upgrade'],
    ['an earlier one, which the control plane asks for', { agentVersion: '0.2.9' }, {}, 'version', 'downgrade'],
    ['a prerelease', { agentVersion: '0.4.0-rc.1' }, {}, 'version', 'upgrade'],
    [
      'none',
      { minAgentVersion: '0.1.0' },
      {},
      'off',
      /^agent upgrades are off: ConfigMap smm-agent names no agentVersion$/,
    ],
    ['none, for an empty key', { agentVersion: ' ' }, {}, 'off', /names no agentVersion/],
    ['held by this machine', { agentVersion: '0.4.0' }, { hold: true }, 'held', /this machine is held/],
    [
      'held by the control plane',
      { agentVersion: '0.4.0', hold: 'true' },
      {},
      'held',
      /agents are held by ConfigMap smm-agent/,
    ],
    ['the running version, held or not', { agentVersion: '0.3.0', hold: 'true' }, { hold: true }, 'version', 'same'],
    [
      'not allowed by this machine',
      { agentVersion: '0.4.0' },
      { agent: { allow: '<0.4.0' } },
      'not-allowed',
      /smm-agent 0\.4\.0 is outside of what agent\.allow permits here \(<0\.4\.0\)/,
    ],
    [
      'too old for probation',
      { agentVersion: '0.1.0' },
      { agent: { allow: '*' } },
      'not-allowed',
      /does not support probation, .*: install its package/,
    ],
    [
      'refused, if it is a word',
      { agentVersion: 'latest' },
      {},
      'invalid',
      /ConfigMap smm-agent: agentVersion is not a version: "latest"/,
    ],
    ['refused, if it is a path', { agentVersion: '../../etc' }, {}, 'invalid', /is not a version/],
    ['refused, if it has a v', { agentVersion: 'v0.4.0' }, {}, 'invalid', /is not a version/],
    [
      'refused, if minAgentVersion is not a version',
      { agentVersion: '0.4.0', minAgentVersion: 'x' },
      {},
      'invalid',
      /minAgentVersion is not a version/,
    ],
  ];
  for (const [what, data, change, answer, detail] of cases) {
    it(what, async () => {
      const seen = await wanted(data, change);
      assert.equal(seen.answer, answer);
      if (seen.answer === 'version') assert.equal(seen.step, detail);
      else if (detail instanceof RegExp) assert.match(seen.reason, detail);
    });
  }

  it('says who holds the agents also if no upgrade is due, so that an announced hold can be seen', async () => {
    const current = { agentVersion: '0.3.0' };
    assert.equal((await wanted({ ...current, hold: 'true' })).heldBy, 'ConfigMap smm-agent');
    assert.equal((await wanted({ hold: 'true' })).heldBy, 'ConfigMap smm-agent', 'without a version, too');
    assert.equal((await wanted(current, { hold: true })).heldBy, 'this machine (hold: true)');
    assert.equal((await wanted({ ...current, hold: 'false' })).heldBy, undefined);
  });

  it('is unknown while the control plane does not answer', async () => {
    const unknown = await wantedAgent({ answer: 'unknown', reason: 'no connection' }, config(), RUNNING);
    assert.deepEqual(unknown, { answer: 'unknown', reason: 'no connection', least: null, repository: null });
  });

  it('comes from the repository of the ConfigMap, unless this machine names one', async () => {
    const data = { agentVersion: '0.4.0', repository: 'https://downloads.example/smm' };
    assert.equal((await wanted(data)).repository, 'https://downloads.example/smm');
    const own = { repository: { url: 'https://mirror.example/smm' } };
    assert.equal((await wanted(data, own)).repository, 'https://mirror.example/smm');
  });

  it('knows whether this agent may stage Istio', async () => {
    const least = async (version: string) => (await wanted({ agentVersion: '0.4.0', minAgentVersion: version })).least;
    assert.deepEqual(await least('0.3.0'), { version: '0.3.0', met: true });
    assert.deepEqual(await least('0.3.1'), { version: '0.3.1', met: false });
  });
});
