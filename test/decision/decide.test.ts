import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Attempt } from '../../src/decision/attempts.ts';
import { decide } from '../../src/decision/decide.ts';
import { stageKey } from '../../src/decision/staging.ts';
import type { Wanted } from '../../src/decision/wanted.ts';
import type { AgentWanted } from '../../src/decision/wanted-agent.ts';
import type { Rejection } from '../../src/host/rejections.ts';
import type { LinkedRelease, Observation } from '../../src/observation/observation.ts';
import {
  CONFIGURATION,
  config,
  minutesAgo,
  NEW,
  NOW,
  OLD,
  observed,
  release,
  SAME,
  UNIT,
  wants,
} from '../support/observed.ts';

interface Case {
  observation?: Partial<Observation>;
  wanted?: Wanted;
  hold?: boolean;
  startWhenStopped?: 'when-pending' | 'always' | 'never';
  attempts?: [string, Attempt][];
  adoptedRevision?: string | null;
  agentWanted?: AgentWanted;
}

function decided(given: Case) {
  const { steps, notDone } = decide({
    observation: observed(given.observation),
    wanted: given.wanted ?? wants(OLD),
    agentWanted: given.agentWanted ?? SAME,
    config: config(given),
    attempts: new Map(given.attempts),
    adoptedRevision: given.adoptedRevision ?? null,
  });
  return { steps: steps.map((step) => step.do), reasons: notDone.map(({ step, reason }) => `${step}: ${reason}`) };
}

/** Each row: the facts, the steps that follow, and the expected reason of the step that is not taken. */
function table(rows: Record<string, [Case, string[], RegExp?]>) {
  for (const [name, [given, steps, reason]] of Object.entries(rows)) {
    it(name, () => {
      const decision = decided(given);
      assert.deepEqual(decision.steps, steps);
      if (reason === undefined) assert.deepEqual(decision.reasons, []);
      else assert.match(decision.reasons.join('\n'), reason);
    });
  }
}

const staged = { staged: NEW, stagedSince: minutesAgo(30), releases: [OLD, NEW] };
const withNew: Partial<Observation> = {
  ...staged,
  pending: { answer: 'yes', running: OLD.manifest.id, staged: NEW.manifest.id, since: minutesAgo(30), why: [] },
} as const;
const BLOCKED = {
  answer: 'blocked',
  findings: [{ file: '/x', line: 3, text: 'PILOT_ADDRESS is set', remedy: 'remove it' }],
} satisfies Observation['unitCheck'];
const rejection = { reason: 'it ended 3 times', count: 1, at: minutesAgo(5), retryAt: minutesAgo(-60) };

describe('a machine on which the wanted release runs', () => {
  table({ 'is left alone': [{}, []] });
});

describe('a VM with Istio of the official package', () => {
  const fresh: Partial<Observation> = {
    active: null,
    own: null,
    hasDropIn: false,
    releases: [],
    confirmed: new Set(),
    running: { answer: 'package', processes: { envoy: null, pilotAgent: null } },
  };
  table({
    'is adopted while it runs': [{ observation: fresh, adoptedRevision: 'default' }, ['adopt']],
    'waits while Istio is stopped': [
      { observation: { ...fresh, unit: { ...UNIT, activeState: 'inactive' } }, adoptedRevision: 'default' },
      [],
      /adopt: istio.service is inactive: Istio is adopted once it runs/,
    ],
    'waits while the unit fails': [
      { observation: { ...fresh, unit: { ...UNIT, activeState: 'failed' } }, adoptedRevision: 'default' },
      [],
      /istio.service is failed/,
    ],
    'waits until Envoy is up': [
      { observation: { ...fresh, running: { answer: 'nothing', lastRan: null } }, adoptedRevision: 'default' },
      [],
      /once Envoy runs/,
    ],
    'waits for the control plane if its own addresses do not name the revision': [
      { observation: fresh },
      [],
      /has not named the wanted revision yet/,
    ],
    'waits while a setting would defeat its release, since Istio still starts from the files that would be copied': [
      { observation: { ...fresh, unitCheck: BLOCKED }, adoptedRevision: 'default' },
      [],
      /adopt: blocked: PILOT_ADDRESS is set/,
    ],
    'is not copied again at every turn when the copy has failed': [
      {
        observation: fresh,
        adoptedRevision: 'default',
        attempts: [['adopt', { reason: 'no room', count: 1, retryAt: minutesAgo(-1) }]],
      },
      [],
      /adopt: no room; tried once, not again before/,
    ],
    'says so if there is no Istio at all': [
      { observation: { ...fresh, unit: { ...UNIT, exists: false } } },
      [],
      /istio.service is not installed/,
    ],
  });
});

describe('the drop-in of istio.service', () => {
  const absent = { hasDropIn: false, unitCheck: { answer: 'absent', reason: 'it is not there' } } as const;
  table({
    'is installed when the active release is complete': [
      { observation: absent },
      ['install-drop-in'],
      /drop-in .* not in place yet/,
    ],
    'is not installed while the unit stops: the reload would run the new ExecStopPost': [
      { observation: { ...absent, unit: { ...UNIT, activeState: 'deactivating' } } },
      [],
      /install-drop-in: istio.service is deactivating/,
    ],
    'is not installed while the unit starts': [
      { observation: { ...absent, unit: { ...UNIT, activeState: 'activating' } } },
      [],
      /install-drop-in: istio.service is activating/,
    ],
    'is not installed if the active release is damaged': [
      { observation: { ...absent, active: { ...OLD, problems: ['envoy is missing'] } } },
      [],
      /damaged: envoy is missing/,
    ],
  });
});

describe('the unit file of istio.service', () => {
  const gone = {
    unitFile: 'gone',
    unit: { ...UNIT, exists: false },
    unitCheck: { answer: 'absent', reason: 'gone' },
  } as const;
  table({
    'is kept when its package is removed under a running Istio': [
      { observation: gone },
      ['keep-unit-file'],
      /stage: gone/,
    ],
    'is not touched while the unit stops': [
      { observation: { unitFile: 'gone', unit: { ...UNIT, activeState: 'deactivating' } } },
      [],
      /keep-unit-file: istio.service is deactivating/,
    ],
    'is removed again when the package is back': [{ observation: { unitFile: 'back' } }, ['give-unit-file-back']],
  });
});

describe('a wanted release that is not the active one', () => {
  table({
    'is staged': [{ wanted: wants(NEW) }, ['stage']],
    'is staged once': [{ observation: withNew, wanted: wants(NEW) }, []],
    'needs only the link when it is complete on disk': [
      { observation: { releases: [OLD, NEW] }, wanted: wants(NEW) },
      ['point-staged'],
    ],
    'is staged again when it is damaged': [
      {
        observation: { releases: [OLD, { ...NEW, problems: ['torn'] }], staged: { ...NEW, problems: ['torn'] } },
        wanted: wants(NEW),
      },
      ['stage'],
    ],
    'replaces a release that was staged before': [
      { observation: withNew, wanted: wants(release('1.31.2-cccccccccccc')) },
      ['stage'],
    ],
    'is another one when only the configuration differs': [
      { wanted: wants(release('1.31.0-cccccccccccc', {}, { clusterEnv: "ISTIO_INBOUND_PORTS='8080'\n" })) },
      ['stage'],
    ],
    'is another one when only the revision differs': [
      { wanted: wants(release('1.31.0-cccccccccccc', { revision: 'canary' })) },
      ['stage'],
    ],
    'is withdrawn when the active release is wanted again': [
      { observation: withNew, wanted: wants(OLD) },
      ['withdraw'],
    ],
    'waits while a setting of the machine would defeat it': [
      {
        observation: {
          unitCheck: BLOCKED,
        },
        wanted: wants(NEW),
      },
      [],
      /blocked: PILOT_ADDRESS is set/,
    ],
    'is withdrawn when a setting of the machine defeats it after it was staged': [
      { observation: { ...withNew, unitCheck: BLOCKED }, wanted: wants(NEW) },
      ['withdraw'],
    ],
    'waits for an answer of the control plane': [
      { wanted: { answer: 'nothing', because: 'unsettled', reason: 'an upgrade is under way' } },
      [],
      /stage: an upgrade is under way/,
    ],
    'stays staged while the control plane does not answer': [
      { observation: withNew, wanted: { answer: 'nothing', because: 'unreachable', reason: 'no route' } },
      [],
      /no route/,
    ],
    'is withdrawn when the operator forbids its version afterwards': [
      {
        observation: withNew,
        wanted: { answer: 'nothing', because: 'not-allowed', istioVersion: '1.31.1', reason: 'outside of istio.allow' },
      },
      ['withdraw'],
    ],
    'stays staged when now another version is wanted, which is forbidden': [
      {
        observation: withNew,
        wanted: { answer: 'nothing', because: 'not-allowed', istioVersion: '1.32.0', reason: 'outside of istio.allow' },
      },
      [],
      /outside of istio.allow/,
    ],
    'is staged again when the link names a missing release': [
      { observation: { staged: { ...NEW, problems: ['its folder is missing'] } }, wanted: wants(NEW) },
      ['stage'],
    ],
    'is staged when the active release is gone, even if it is the same release': [
      { observation: { active: { ...OLD, problems: ['its folder is missing'] }, releases: [] }, wanted: wants(OLD) },
      ['stage'],
    ],
  });
});

describe('a release that was rolled back', () => {
  const rejected = { releases: [OLD, NEW], rejected: new Map([[NEW.manifest.id, rejection]]) };
  table({
    'is not staged again': [
      { observation: rejected, wanted: wants(NEW) },
      [],
      /rejected: it ended 3 times; not tried again before/,
    ],
    'is withdrawn when a turn that had not seen the rejection has staged it again': [
      { observation: { ...withNew, ...rejected }, wanted: wants(NEW) },
      ['withdraw'],
    ],
    'is staged again once its rejection has expired': [
      {
        observation: { ...rejected, rejected: new Map([[NEW.manifest.id, { ...rejection, retryAt: minutesAgo(1) }]]) },
        wanted: wants(NEW),
      },
      ['point-staged'],
    ],
    'does not prevent the staging of another release': [
      { observation: rejected, wanted: wants(release('1.31.2-cccccccccccc')) },
      ['stage'],
    ],
  });
});

describe('a try that failed', () => {
  it('is noted without the password of a mirror', () => {
    const key = stageKey(wants(NEW), 'https://me:secret@mirror.example/istio/');
    assert.equal(key, 'stage 1.31.1 from mirror.example/istio');
  });

  const key = stageKey(wants(NEW), config().istio.downloads);
  const elsewhere = stageKey(wants(NEW), 'https://me:secret@mirror.example/istio/');
  const attempt = { reason: 'no route to the downloads', count: 2 };
  table({
    'is not repeated before the time of the next try': [
      { wanted: wants(NEW), attempts: [[key, { ...attempt, retryAt: minutesAgo(-1) }]] },
      [],
      /no route to the downloads; tried 2 times, not again before/,
    ],
    'is repeated at the time of the next try': [
      { wanted: wants(NEW), attempts: [[key, { ...attempt, retryAt: NOW }]] },
      ['stage'],
    ],
    'does not delay the same target from another source: istio.downloads was corrected': [
      { wanted: wants(NEW), attempts: [[elsewhere, { ...attempt, retryAt: minutesAgo(-1) }]] },
      ['stage'],
    ],
    'does not delay another target': [
      { wanted: wants(release('1.31.2-cccccccccccc')), attempts: [[key, { ...attempt, retryAt: minutesAgo(-1) }]] },
      ['stage'],
    ],
  });
});

describe('a held machine', () => {
  table({
    'has nothing staged': [{ hold: true, observation: withNew, wanted: wants(NEW) }, ['withdraw']],
    'stages nothing': [{ hold: true, wanted: wants(NEW) }, [], /held/],
  });
});

describe('a release that came up', () => {
  const running = { answer: 'release', id: NEW.manifest.id, upMs: 120_000 } as const;
  const up: Partial<Observation> = {
    running,
    active: NEW,
    staged: NEW,
    releases: [OLD, NEW],
    health: { answer: 'ready' },
  };
  table({
    'is confirmed after it has settled': [{ observation: up, wanted: wants(NEW) }, ['confirm']],
    'is not confirmed before': [
      { observation: { ...up, running: { ...running, upMs: 30_000 } }, wanted: wants(NEW) },
      [],
      /up for 30 s, and is confirmed after 60 s/,
    ],
    'is not confirmed while it is not ready': [
      {
        observation: { ...up, health: { answer: 'not-ready', reason: 'the ready probe answers 503' } },
        wanted: wants(NEW),
      },
      [],
      /not ready yet: the ready probe answers 503/,
    ],
    'is confirmed after an hour, even if its health page reports an error': [
      {
        observation: {
          ...up,
          running: { ...running, upMs: 3_600_000 },
          health: { answer: 'not-ready', reason: 'it does not answer (connect ECONNREFUSED)' },
        },
        wanted: wants(NEW),
      },
      ['confirm'],
    ],
    'is not called unready when its health was not checked': [
      { observation: { ...up, health: null }, wanted: wants(NEW) },
      [],
      /the health of release 1\.31\.1-b+ was not checked/,
    ],
    'is confirmed only once': [
      { observation: { ...up, confirmed: new Set([NEW.manifest.id]) }, wanted: wants(NEW) },
      [],
    ],
  });
});

describe('Istio that was stopped out of auto-restart', () => {
  const stop = { kind: 'own-end', becameDisabled: false, words: 'its own end' } as Observation['stop'];
  const stopped: Partial<Observation> = {
    ...withNew,
    unit: { ...UNIT, activeState: 'inactive', subState: 'dead', inactiveEnter: minutesAgo(1) },
    running: { answer: 'nothing', lastRan: OLD.manifest.id },
    stop,
  };
  const wanted = wants(NEW);
  table({
    'is started into the pending release': [{ observation: stopped, wanted }, ['start']],
    'stays stopped when no restart is pending': [
      {
        observation: { ...stopped, ...{ staged: null, pending: { answer: 'no', running: OLD.manifest.id } } },
        wanted: wants(OLD),
      },
      [],
      /no restart is pending/,
    ],
    'is started in any case with startWhenStopped: always': [
      {
        observation: { ...stopped, staged: null, pending: { answer: 'no', running: OLD.manifest.id } },
        startWhenStopped: 'always',
      },
      ['start'],
    ],
    'stays stopped with startWhenStopped: never': [
      { observation: stopped, wanted, startWhenStopped: 'never' },
      [],
      /never/,
    ],
    'stays stopped under hold': [
      { observation: stopped, wanted, hold: true },
      ['withdraw'],
      /start: this machine is held/,
    ],
    'stays stopped when masked': [
      { observation: { ...stopped, unit: { ...UNIT, activeState: 'inactive', unitFileState: 'masked' } }, wanted },
      [],
      /masked/,
    ],
    'stays stopped when masked until the next boot': [
      {
        observation: { ...stopped, unit: { ...UNIT, activeState: 'inactive', unitFileState: 'masked-runtime' } },
        wanted,
      },
      [],
      /masked/,
    ],
    'stays stopped when it was disabled since its last start': [
      { observation: { ...stopped, stop: { ...stop, becameDisabled: true } as Observation['stop'] }, wanted },
      [],
      /disabled/,
    ],
    'is started even then with startWhenStopped: always, as the stop hook does': [
      {
        observation: { ...stopped, stop: { ...stop, becameDisabled: true } as Observation['stop'] },
        wanted,
        startWhenStopped: 'always',
      },
      ['start'],
    ],
    'is started when the staging and the stop are in the same second, since systemd reports whole seconds': [
      { observation: { ...stopped, stagedSince: new Date(minutesAgo(1).getTime() + 900) }, wanted },
      ['start'],
    ],
    'stays stopped when the release was staged after the stop': [
      { observation: { ...stopped, stagedSince: minutesAgo(0.5) }, wanted },
      [],
      /stopped before the new release was staged/,
    ],
    'is left to a job that is queued for it': [{ observation: { ...stopped, job: 'start' }, wanted }, []],
    'is left to the stop hook when it was stopped by hand': [
      { observation: { ...stopped, stop: { ...stop, kind: 'stop' } as Observation['stop'] }, wanted },
      [],
    ],
  });
});

describe('Istio whose unit has failed', () => {
  const failed: Partial<Observation> = {
    unit: { ...UNIT, activeState: 'failed', subState: 'failed', result: 'start-limit-hit' },
    running: { answer: 'nothing', lastRan: NEW.manifest.id },
    active: NEW,
    staged: OLD,
    releases: [OLD, NEW],
    stop: { kind: 'own-end', becameDisabled: false, release: NEW.manifest.id } as Observation['stop'],
    rejected: new Map([[NEW.manifest.id, rejection]]),
  };
  const wanted = wants(NEW);
  const reason = /was rejected/;
  table({
    'is started again after a rollback: its next start brings the previous release': [
      { observation: failed, wanted },
      ['start'],
      reason,
    ],
    'is started also under hold, since a rollback is no upgrade': [
      { observation: failed, wanted, hold: true },
      ['start'],
      /stage: this machine is held/,
    ],
    'is started again until its release has had three tries: then it is rolled back': [
      { observation: { ...failed, rejected: new Map(), staged: NEW, confirmed: new Set(), ends: 2 }, wanted },
      ['start'],
    ],
    'is left alone when its release has had its tries and there is none to roll back to': [
      { observation: { ...failed, rejected: new Map(), staged: null, confirmed: new Set(), ends: 3 }, wanted },
      [],
    ],
    'is left alone when its release was confirmed': [
      {
        observation: { ...failed, rejected: new Map(), staged: null, ends: 1, confirmed: new Set([NEW.manifest.id]) },
        wanted,
      },
      [],
    ],
    'is left alone after an operator has stopped it': [
      { observation: { ...failed, stop: { ...failed.stop, kind: 'stop' } as Observation['stop'] }, wanted },
      [],
      reason,
    ],
    'is left alone when masked': [
      { observation: { ...failed, unit: { ...UNIT, activeState: 'failed', unitFileState: 'masked' } }, wanted },
      [],
      /start: istio.service is masked/,
    ],
    'is left to the job that is queued for it': [{ observation: { ...failed, job: 'start' }, wanted }, [], reason],
  });
});

describe('a machine whose release folder is lost', () => {
  const lost: Partial<Observation> = {
    active: null,
    releases: [],
    running: { answer: 'nothing', lastRan: null },
    unit: { ...UNIT, activeState: 'activating', subState: 'auto-restart', result: 'exit-code' },
    pending: { answer: 'no', running: null },
  };
  const again = { ...lost, staged: OLD, releases: [OLD] };
  const atEnd = { kind: 'own-end', becameDisabled: false, release: null } as Observation['stop'];
  const noDropIn = { hasDropIn: false, unitCheck: { answer: 'absent', reason: 'it is not there' } } as const;
  const unit = (activeState: 'active' | 'failed' | 'inactive') => ({ ...UNIT, activeState });
  const package_ = { answer: 'package', processes: { envoy: null, pilotAgent: null } } as const;
  table({
    'gets the wanted release while Istio exits at each start': [{ observation: lost }, ['stage']],
    'gets it while the unit has failed': [{ observation: { ...lost, unit: unit('failed') } }, ['stage']],
    'gets it while Istio is stopped': [{ observation: { ...lost, unit: unit('inactive') } }, ['stage']],
    'gets it, and does not adopt Istio again, while Istio runs from its package': [
      { observation: { ...lost, unit: unit('active'), running: package_ }, adoptedRevision: 'default' },
      ['stage'],
    ],
    'takes it from the disk if only the links are lost': [
      { observation: { ...lost, releases: [OLD] } },
      ['point-staged'],
    ],
    'is left alone after the release is staged: the next start brings it': [{ observation: again }, []],
    'is started if the unit has failed': [{ observation: { ...again, unit: unit('failed'), stop: atEnd } }, ['start']],
    'is not started under hold': [
      { observation: { ...again, unit: unit('failed'), stop: atEnd }, hold: true },
      ['withdraw'],
      /start: this machine is held/,
    ],
    'gets a lost drop-in again after a release is staged': [
      { observation: { ...again, ...noDropIn, unit: unit('failed') } },
      ['install-drop-in'],
    ],
    'gets the wanted release before the drop-in': [
      { observation: { ...lost, ...noDropIn, unit: unit('inactive') } },
      ['stage'],
    ],
    'gets the drop-in of this package in any case: it falls back to the files of Istio': [
      { observation: { ...lost, unitCheck: { answer: 'absent', reason: 'that of another version' } } },
      ['install-drop-in'],
      /stage: the drop-in of istio.service is not in place yet/,
    ],
    'is adopted again if the record of its configuration is lost too': [
      {
        observation: { ...lost, own: null, unit: unit('active'), running: package_ },
        adoptedRevision: 'default',
        wanted: { answer: 'nothing', because: 'own-lost', reason: 'the record is missing' },
      },
      ['adopt'],
      /stage: the record is missing/,
    ],
    'is not a machine whose adoption was cut off before its link: that adoption goes on': [
      {
        observation: { ...lost, ...noDropIn, unit: unit('active'), running: package_ },
        adoptedRevision: 'default',
      },
      ['adopt'],
    ],
  });
});

describe('cleaning', () => {
  const [older, spare] = [release('1.30.0-cccccccccccc'), release('1.30.1-dddddddddddd')];
  const full: Partial<Observation> = {
    active: NEW,
    running: { answer: 'release', id: NEW.manifest.id, upMs: 3_600_000 },
    releases: [older, OLD, spare, NEW],
    confirmed: new Set([NEW.manifest.id]),
  };
  const removed = (change: Partial<Observation>) =>
    decide({
      observation: observed({ ...full, ...change }),
      wanted: wants(NEW),
      agentWanted: SAME,
      config: config(),
      attempts: new Map(),
      adoptedRevision: null,
    }).steps.flatMap((step) => (step.do === 'clean' ? step.remove : []));

  it('leaves one release that is not needed', () => {
    assert.deepEqual(removed({}), [older.manifest.id, OLD.manifest.id]);
  });

  it('leaves the release that a bad one is rolled back to, and the newest confirmed one', () => {
    assert.deepEqual(removed({ previous: older.manifest.id }), [OLD.manifest.id]);
    assert.deepEqual(removed({ previous: older.manifest.id, confirmed: new Set([OLD.manifest.id]) }), []);
  });

  it('keeps a release of another version, even after many edits of the configuration have made releases', () => {
    const edits = ['1', '2', '3'].map((digit) => release(`1.31.1-${digit.repeat(12)}`));
    const bad = release('1.31.2-eeeeeeeeeeee');
    const observation: Partial<Observation> = {
      releases: [older, OLD, NEW, bad, ...edits],
      active: edits[2] as LinkedRelease,
      running: { answer: 'release', id: edits[2]?.manifest.id ?? '', upMs: 1 },
      previous: edits[1]?.manifest.id ?? null,
      rejected: new Map([[bad.manifest.id, {} as Rejection]]),
    };
    const gone = removed({ ...observation, confirmed: new Set([NEW.manifest.id]) });
    assert.deepEqual(
      gone,
      [older, bad, edits[0]].map((one) => one?.manifest.id),
    );
    assert.deepEqual(
      removed({ ...observation, confirmed: new Set([older.manifest.id]) }).includes(older.manifest.id),
      false,
    );
  });

  it('removes nothing while it is unknown what runs', () => {
    assert.deepEqual(removed({ running: { answer: 'unknown', reason: 'no rights' } }), []);
  });
});

describe('the wanted release on disk', () => {
  it('is found by version, revision and configuration, not by its digest', () => {
    const { wantedId } = decide({
      observation: observed({ releases: [OLD, NEW] }),
      wanted: { ...wants(NEW), configuration: { ...CONFIGURATION } },
      agentWanted: SAME,
      config: config(),
      attempts: new Map(),
      adoptedRevision: null,
    });
    assert.equal(wantedId, NEW.manifest.id);
  });
});

describe("istiod's line in /etc/hosts", () => {
  const line = '10.0.0.1 istiod.istio-system.svc';
  const hostsLine = { answer: 'missing', line } as const;
  const failed = { reason: 'cannot restore it', count: 1, at: minutesAgo(1), retryAt: minutesAgo(-1) };
  table({
    'is restored when it vanishes while Istio runs': [{ observation: { hostsLine } }, ['restore-hosts']],
    'is restored on a held machine too': [
      { observation: { hostsLine }, hold: true, wanted: wants(NEW) },
      ['restore-hosts'],
      /held/,
    ],
    'is left to the next start of Istio while it is stopped': [
      {
        observation: {
          hostsLine,
          unit: { ...UNIT, activeState: 'failed' },
          running: { answer: 'nothing', lastRan: null },
        },
      },
      [],
    ],
    'is not added if an operator has set another address': [
      { observation: { hostsLine: { answer: 'other', line, address: '10.0.0.9' } } },
      [],
    ],
    'waits after a failed try': [
      { observation: { hostsLine }, attempts: [['hosts', failed]] },
      [],
      /restore-hosts: cannot restore it; .*tried once, not again before/,
    ],
  });
});
