import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainPlan } from '../../src/cli/plan-text.ts';
import type { Target } from '../../src/control-plane/target/target.ts';
import { decide } from '../../src/decision/decide.ts';
import type { Wanted } from '../../src/decision/wanted.ts';
import type { AgentWanted } from '../../src/decision/wanted-agent.ts';
import { AGENT, config, NEW, NOW, OLD, observed, SAME, wants } from '../support/observed.ts';

const target = { answer: 'wanted', istioVersion: '1.31.1', revision: { asked: 'default', name: 'default' } } as Target;

function explained(
  change: Parameters<typeof observed>[0] = {},
  wanted: Wanted = wants(NEW),
  asked: Target = target,
  agentWanted: AgentWanted = SAME,
) {
  const observation = observed(change);
  const settings = { config: config(), attempts: new Map(), adoptedRevision: 'default' };
  const decision = decide({ observation, wanted, agentWanted, ...settings });
  return explainPlan({ observation, target: asked, wanted, agentWanted, decision });
}

describe('the plan of a dry run', () => {
  it('says which release would be staged, and why', () => {
    assert.equal(
      explained(),
      `istio.service  active (running)
running        1.31.0-aaaaaaaaaaaa, of revision default
active         1.31.0-aaaaaaaaaaaa
staged         nothing
restart        not pending
agent          0.2.0 is installed, 0.2.0 is wanted
wanted         Istio 1.31.1 of revision default
would          stage Istio 1.31.1 of revision default with the machine's own configuration; then a restart is pending: Istio 1.31.1 of revision default is wanted
`,
    );
  });

  it('says that a running daemon would upgrade itself, which is the first step of its turn', () => {
    const later: AgentWanted = { ...SAME, answer: 'version', version: '0.2.1', step: 'upgrade' };
    const text = explained({}, wants(OLD), target, later);
    assert.match(
      text,
      /^would +the daemon upgrades itself to smm-agent 0\.2\.1, on probation; Istio is not touched: /m,
    );
    assert.doesNotMatch(text, /change nothing/);
    const alone = explained({ agent: { ...AGENT, invocation: null } }, wants(OLD), target, later);
    assert.match(
      alone,
      /^would not +upgrade-agent: smm-agent 0\.2\.1 is wanted, and only the daemon changes its version/m,
    );
  });

  it('names a release that is staged and pending already, and says that nothing is left to do', () => {
    const pending = { answer: 'yes', running: OLD.manifest.id, staged: NEW.manifest.id, since: NOW } as const;
    const text = explained({
      staged: NEW,
      releases: [OLD, NEW],
      pending: { ...pending, why: ['Istio 1.31.0 to 1.31.1'] },
    });
    assert.match(text, /^staged +1\.31\.1-bbbbbbbbbbbb$/m);
    assert.match(text, /^restart +pending since 2026-11-23T12:00:00\.000Z: Istio 1\.31\.0 to 1\.31\.1$/m);
    assert.match(text, /^would +change nothing$/m);
  });

  it('says on a new machine which step would follow the adoption', () => {
    const text = explained(
      { active: null, releases: [], own: null, running: { answer: 'package', processes: NONE } },
      { answer: 'nothing', because: 'not-adopted', reason: 'Istio on this machine is not adopted yet' },
    );
    assert.match(
      text,
      /^would +adopt the Istio that runs here as a release of revision default, without touching it: /m,
    );
    assert.match(
      text,
      /^afterwards +stage Istio 1\.31\.1 of revision default, unless the adopted release is the same$/m,
    );
  });

  it('gives the reason when nothing would be staged', () => {
    const reason = 'the revision "next" does not exist';
    const text = explained({}, { answer: 'nothing', because: 'missing', reason }, { answer: 'missing', reason });
    assert.match(text, /^wanted +missing: the revision "next" does not exist$/m);
    assert.match(text, /^would not +stage: the revision "next" does not exist$/m);
    assert.match(text, /^would +change nothing$/m);
  });
});

const NONE = { envoy: null, pilotAgent: null };
