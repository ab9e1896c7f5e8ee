import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { triedBefore } from '../../../src/decision/reasons.ts';
import { describeStatus } from '../../../src/status/describe.ts';
import { whyNotRun } from '../../../src/status/not-run.ts';
import type { Status } from '../../../src/status/status.ts';
import { misconfiguredStatus } from '../../../src/status/unseen.ts';
import { announce, announceTarget } from '../../../src/status/views/journal.ts';
import { config, minutesAgo, NEW, NOW, OLD, observed, SAME, wants } from '../../support/observed.ts';

function status(change: Parameters<typeof observed>[0] = {}, at = NOW): Status {
  const wanted = wants(OLD);
  return describeStatus({
    pid: 1,
    workloadGroup: config().workloadGroup,
    observation: observed({ at, ...change }),
    target: { answer: 'missing', reason: 'the namespace has no label' },
    wanted,
    agentWanted: SAME,
    decision: { steps: [], notDone: [], wantedId: OLD.manifest.id },
    failures: [],
    warnings: [],
    nextPoll: null,
  });
}

const sentences = (before: Status | null, after: Status) => announce(before, after).map(({ sentence }) => sentence);
const misconfigured = misconfiguredStatus('1.0.0', 1, NOW, '/etc/smm/agent.yaml:3:1: unknown key "holds"');

describe('the journal', () => {
  it('has a line for every fact at the first turn', () => {
    assert.deepEqual(sentences(null, status()), [
      'Istio 1.31.0 runs',
      'no restart is pending',
      'ready: the wanted Istio runs',
    ]);
  });

  it('has one line for a failure, and no other when the next turn knows the time of the next try', () => {
    const reason = 'cannot stage: the disk is full';
    const failing = (words: string, fact = words): Status => ({
      ...status(),
      agent: { ...status().agent, state: 'failing', reason: words, fact },
    });
    const { reason: later, fact } = triedBefore(
      'stage 1.31.1',
      new Map([['stage 1.31.1', { reason, count: 2, retryAt: minutesAgo(-1), at: NOW, packageDigest: undefined }]]),
      NOW,
    ) ?? { reason: '' };
    assert.equal(fact, reason);
    assert.match(later, /^cannot stage: the disk is full; failed at .* tried 2 times, not again before /);
    assert.deepEqual(sentences(status(), failing(reason)), [`failing: ${reason}`]);
    assert.deepEqual(sentences(failing(reason), failing(later, fact)), []);
    assert.deepEqual(sentences(failing(later, fact), failing('cannot stage: another reason')), [
      'failing: cannot stage: another reason',
    ]);
  });

  it('has one line while Istio starts, although systemd reports several states', () => {
    const waiting = (activeState: 'activating' | 'deactivating'): Status => {
      const { unit } = observed();
      const why = whyNotRun(
        observed({ running: { answer: 'nothing', lastRan: null }, unit: { ...unit, activeState } }),
      );
      assert.ok(why);
      return { ...status(), agent: { ...status().agent, ...why } };
    };
    assert.deepEqual(sentences(status(), waiting('deactivating')), [
      'waiting: istio.service is deactivating, and Envoy does not run yet',
    ]);
    assert.deepEqual(sentences(waiting('deactivating'), waiting('activating')), []);
  });

  it('has one line about a missing target, and no other that the agent waits for it', () => {
    const reason = 'the API server refused the token';
    const after: Status = { ...status(), target: { answer: 'forbidden', revision: null, istioVersion: null, reason } };
    after.agent = { ...after.agent, state: 'waiting', reason };
    const ofTarget = announceTarget(status().target, after.target).map(({ sentence }) => sentence);
    assert.deepEqual([...ofTarget, ...sentences(status(), after)], [`the control plane names no Istio: ${reason}`]);
  });

  it('names the target at the first turn, and at each change', () => {
    const { target } = status();
    const [first] = announceTarget(null, target);
    assert.deepEqual(
      [first?.level, first?.sentence],
      ['warn', 'the control plane names no Istio: the namespace has no label'],
    );
    assert.deepEqual(announceTarget(target, { ...target }), []);
    const wanted = { answer: 'wanted', revision: 'canary', istioVersion: '1.31.1', reason: null } as const;
    assert.deepEqual(
      announceTarget(target, wanted).map(({ level, sentence }) => `${level} ${sentence}`),
      ['info the control plane wants Istio 1.31.1 of revision canary here'],
    );
  });

  it('has no line for a poll that changed nothing', () => {
    assert.deepEqual(announce(status({}, minutesAgo(1)), status()), []);
  });

  it('has one line for one change, as a warning with the command to run', () => {
    const pending = { answer: 'yes', running: OLD.manifest.id, staged: NEW.manifest.id, since: NOW } as const;
    const after = status({ staged: NEW, pending: { ...pending, why: ['Istio 1.31.0 to 1.31.1'] } });
    const [line, ...others] = announce(status(), after);
    assert.deepEqual(others, []);
    assert.equal(line?.level, 'warn');
    assert.equal(line?.sentence, 'restart pending: Istio 1.31.0 to 1.31.1; to switch, run systemctl restart istio');
  });

  it('says only that a misconfigured agent is misconfigured, since the agent has not looked at the machine', () => {
    const expected = ['misconfigured: /etc/smm/agent.yaml:3:1: unknown key "holds"'];
    assert.deepEqual(sentences(null, misconfigured), expected);
    assert.deepEqual(sentences(status(), misconfigured), expected);
    assert.deepEqual(announce(misconfigured, misconfigured), []);
  });

  it('has a line for every fact again after the configuration is corrected', () => {
    assert.deepEqual(sentences(misconfigured, status()), sentences(null, status()));
  });
});
