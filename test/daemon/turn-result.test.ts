import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { turnResult } from '../../src/daemon/turn-result.ts';
import { describeStatus } from '../../src/status/describe.ts';
import type { AgentState } from '../../src/status/status.ts';
import { config, NEW, OLD, observed, SAME, wants } from '../support/observed.ts';

const WANTED = { answer: 'wanted', revision: 'default', istioVersion: '1.31.1', reason: null } as const;
const UNREACHABLE = { answer: 'unreachable', revision: null, istioVersion: null, reason: 'away' } as const;

function result(
  state: AgentState['state'],
  wantedId: string | null,
  target: typeof WANTED | typeof UNREACHABLE = WANTED,
) {
  const status = describeStatus({
    pid: 1,
    workloadGroup: config().workloadGroup,
    observation: observed({ releases: [OLD, NEW] }),
    target: { answer: 'missing', reason: 'not asked' },
    wanted: wants(NEW),
    agentWanted: SAME,
    decision: { steps: [], notDone: [], wantedId },
    failures: [],
    warnings: [],
    nextPoll: null,
  });
  return turnResult({ ...status, agent: { ...status.agent, state, reason: 'why' }, target });
}

describe('the answer to a command that asked for a turn', () => {
  it('is ok if the agent is ready', () => {
    assert.deepEqual(result('ready', NEW.manifest.id), { ok: true, state: 'ready', text: 'ready: why' });
  });

  for (const state of ['waiting', 'blocked', 'failing', 'rejected', 'misconfigured'] as const) {
    it(`is not ok if the agent is ${state}`, () => {
      assert.deepEqual(result(state, null), { ok: false, state, text: `${state}: why` });
    });
  }

  it('is ok on a held machine only if it has the wanted release', () => {
    assert.equal(result('held', OLD.manifest.id).ok, true);
    assert.equal(result('held', NEW.manifest.id).ok, false);
    assert.equal(result('held', null).ok, false);
    assert.equal(result('held', null, UNREACHABLE).ok, true);
  });
});
