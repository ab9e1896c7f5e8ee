import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AgentPolicy, policyOf } from '../../src/control-plane/target/agent-policy.ts';
import { parseDigests } from '../../src/control-plane/target/package-digests.ts';
import { packagePin, vouchedBy } from '../../src/decision/package-pin.ts';

const [ONE, OTHER] = ['ab'.repeat(32), 'cd'.repeat(32)];
const LIST = `# of the official downloads\n1.31.1 amd64 ${ONE}\n\n1.31.1  arm64 ${OTHER.toUpperCase()} # Graviton\n1.31.2+build.5 amd64 ${OTHER}\n`;

const said = (data: Record<string, string> | null, specific: Record<string, string> | null = null) =>
  policyOf([
    { name: 'smm-agent-canary', data: specific },
    { name: 'smm-agent', data },
  ]);
const pin = (policy: AgentPolicy, version = '1.31.1', architecture = 'amd64') =>
  packagePin(policy, version, architecture);
const refused = (message: RegExp) => ({ code: 'SMM466', message });

describe('istioDigests of ConfigMap smm-agent', () => {
  it('pins a package by version and architecture', () => {
    const policy = said({ istioDigests: LIST });
    assert.deepEqual([pin(policy), pin(policy, '1.31.1', 'arm64'), pin(policy, '1.31.2+build.5')], [ONE, OTHER, OTHER]);
    assert.deepEqual(policy.answer === 'wishes' && policy.doubts, []);
  });

  it("knows a distributor's version in the form of its image tag, which cannot have a plus sign", () => {
    const policy = said({ istioDigests: `1.31.1_ossm amd64 ${ONE}` });
    assert.equal(pin(policy, '1.31.1+ossm'), ONE);
  });

  it('refuses every other package, and says what to do', () => {
    const policy = said({ istioDigests: LIST });
    assert.throws(
      () => pin(policy, '1.31.3'),
      refused(/^cannot take Istio 1\.31\.3 amd64 .*\(ConfigMap smm-agent\).*add the package there$/),
    );
  });

  it('pins nothing if it is missing, or if the machine may not read it', () => {
    assert.equal(pin(said(null)), null);
    assert.equal(pin(said({ agentVersion: '0.2.0' })), null);
    assert.equal(pin({ answer: 'unknown', reason: 'forbidden', isForbidden: true }), null);
  });

  it('refuses every package while the control plane does not answer', () => {
    assert.throws(
      () => pin({ answer: 'unknown', reason: 'no answer' }),
      refused(/cannot tell whether istioDigests pins it: no answer/),
    );
  });

  it('is taken as a whole, from the more specific ConfigMap first', () => {
    const policy = said({ istioDigests: LIST }, { istioDigests: `1.31.1 amd64 ${OTHER}` });
    assert.equal(pin(policy), OTHER);
    assert.throws(() => pin(policy, '1.31.1', 'arm64'), refused(/./));
  });

  it('is used also if another key is invalid, and refuses every package if it is invalid itself', () => {
    assert.equal(pin(said({ istioDigests: LIST, hold: 'yes' })), ONE);
    const policy = said({ istioDigests: '1.31.1 amd64 abc', hold: 'yes' });
    assert.equal(policy.answer, 'invalid');
    assert.throws(() => pin(policy), refused(/istioDigests: line 1 is not/));
  });

  it('says what protects the packages', () => {
    assert.match(String(vouchedBy(said(null), 'official')), /^only TLS protects them: no istioDigests/);
    assert.match(
      String(vouchedBy(said({ istioDigests: LIST }), 'official')),
      /^pinned by istioDigests \(ConfigMap smm-agent\)$/,
    );
    assert.match(String(vouchedBy(said(null), 'repository')), /^signed/);
  });
});

describe('a list of digests', () => {
  for (const [what, text, problem] of [
    ['is empty', '', /no line/],
    ['has only comments', '# 1.31.1\n', /no line/],
    ['has a digest that is too short', `1.31.1 amd64 ${ONE.slice(1)}`, /line 1/],
    ['has another architecture', `\n1.31.1 riscv64 ${ONE}`, /line 2/],
    ['has two digests for one package', `1.31.1 amd64 ${ONE}\n1.31.1 amd64 ${OTHER}`, /line 2 has a second/],
    ['is too long', `1.31.1 amd64 ${ONE}\n`.repeat(1000), /longer than 65536/],
  ] as const) {
    it(`that ${what} is refused`, () => {
      const parsed = parseDigests(text);
      assert.ok('problem' in parsed);
      assert.match(parsed.problem, problem);
    });
  }
});
