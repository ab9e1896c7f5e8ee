/**
 * The agent has nothing left to do, yet it is not ready: it has not seen that istio.service runs the active release.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Target } from '../../src/control-plane/target/target.ts';
import type { NotDone } from '../../src/decision/step.ts';
import type { Observation } from '../../src/observation/observation.ts';
import { agentState } from '../../src/status/agent-state.ts';
import { NEW, OLD, observed, release, SAME, UNIT, wants } from '../support/observed.ts';

function state(observation: Partial<Observation>, notDone: NotDone[] = []) {
  return agentState({
    pid: 1,
    workloadGroup: { namespace: 'vm-apps', name: 'reviews' },
    observation: observed(observation),
    target: { answer: 'unreachable', reason: 'no answer' } satisfies Target,
    wanted: wants(OLD),
    agentWanted: SAME,
    decision: { steps: [], notDone, wantedId: OLD.manifest.id },
    failures: [],
    warnings: [],
    nextPoll: null,
  });
}

const FROM_PACKAGE = { answer: 'package', processes: { envoy: null, pilotAgent: null } } as const;
const NOTHING = { answer: 'nothing', lastRan: OLD.manifest.id } as const;

describe('an agent that has nothing left to do', () => {
  it('is ready while the active release runs, also with another one staged', () => {
    assert.equal(state({}).state, 'ready');
    assert.equal(state({ staged: NEW, releases: [OLD, NEW] }).state, 'ready');
  });

  const rows: [string, Partial<Observation>, string, RegExp][] = [
    [
      'the unit exits at each start',
      { running: NOTHING, unit: { ...UNIT, activeState: 'activating', subState: 'auto-restart', result: 'exit-code' } },
      'failing',
      /exits at each start.*\(exit-code\)/,
    ],
    [
      'the unit has failed',
      { running: NOTHING, unit: { ...UNIT, activeState: 'failed', result: 'start-limit-hit' } },
      'failing',
      /has failed \(start-limit-hit\).*systemctl restart istio/,
    ],
    [
      'Istio runs from its package',
      { running: FROM_PACKAGE },
      'failing',
      /package's own files.*systemctl restart istio/,
    ],
    [
      'another release runs',
      { running: { answer: 'release', id: NEW.manifest.id, upMs: 1 } },
      'failing',
      /release 1\.31\.1-b+ runs, and not the active release 1\.31\.0-a+/,
    ],
    ['it is unknown what runs', { running: { answer: 'unknown', reason: 'no rights' } }, 'failing', /no rights/],
    ['Istio is stopped', { running: NOTHING, unit: { ...UNIT, activeState: 'inactive' } }, 'waiting', /is stopped/],
    ['Istio is starting', { running: NOTHING }, 'waiting', /Envoy does not run yet/],
  ];
  for (const [what, observation, expected, reason] of rows) {
    it(`is not ready while ${what}`, () => {
      const { state: answer, reason: said } = state(observation);
      assert.equal(answer, expected);
      assert.match(said, reason);
    });
  }
});

describe('an agent whose release folder is lost', () => {
  const lost: Partial<Observation> = { active: null, releases: [], running: FROM_PACKAGE };

  it('is failing, with the reason and the commands, if no release can be made', () => {
    const reason = 'the download is refused; tried once';
    const answer = state(lost, [{ step: 'stage', reason, because: 'failed' }]);
    assert.equal(answer.state, 'failing');
    assert.match(answer.reason, /no release is active.*package's own files/);
    assert.match(
      answer.reason,
      /the download is refused.*smm-agent reconcile.*systemctl restart istio.*smm-agent adopt --yes/,
    );
  });

  it('is failing also under hold', () => {
    const answer = state(lost, [{ step: 'stage', reason: 'this machine is held (hold: true)', because: 'held' }]);
    assert.deepEqual([answer.state, /this machine is held/.test(answer.reason)], ['failing', true]);
  });

  it('says which command to run after the wanted release is staged', () => {
    const staged = release(OLD.manifest.id);
    const answer = state({ ...lost, staged, releases: [staged] });
    assert.equal(answer.state, 'waiting');
    assert.match(answer.reason, /release 1\.31\.0-a+ is staged: run systemctl restart istio$/);
  });
});
