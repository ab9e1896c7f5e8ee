import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statusText } from '../../src/cli/status-text.ts';
import type { Target } from '../../src/control-plane/target/target.ts';
import type { NotDone, StepName } from '../../src/decision/step.ts';
import type { Wanted } from '../../src/decision/wanted.ts';
import type { AgentWanted } from '../../src/decision/wanted-agent.ts';
import type { VmInputs } from '../../src/istio/configuration/inputs.ts';
import type { Observation } from '../../src/observation/observation.ts';
import { describeStatus } from '../../src/status/describe.ts';
import type { Status } from '../../src/status/status.ts';
import { failedStatus, misconfiguredStatus } from '../../src/status/unseen.ts';
import { entryReport } from '../../src/status/views/entry.ts';
import { announce } from '../../src/status/views/journal.ts';
import { minutesAgo, NEW, NOW, OLD, observed, SAME, UNIT, wants } from '../support/observed.ts';

const REPORT = { validationLevel: 'ERROR', documentationUrl: 'https://mesh.example/runbook' } as const;

const TARGET: Target = {
  answer: 'wanted',
  revision: { asked: 'default', name: 'default' },
  istioVersion: '1.31.1',
  inputs: {} as VmInputs,
};

function status(given: {
  observation?: Partial<Observation>;
  target?: Target;
  wanted?: Wanted;
  notDone?: NotDone[];
  agentWanted?: AgentWanted;
  failure?: string;
  failed?: StepName;
  blocked?: boolean;
  warnings?: string[];
  wantedId?: string;
}): Status {
  return describeStatus({
    pid: 42,
    workloadGroup: { namespace: 'vm-apps', name: 'reviews' },
    observation: observed(given.observation),
    target: given.target ?? TARGET,
    wanted: given.wanted ?? wants(NEW),
    agentWanted: given.agentWanted ?? SAME,
    decision: { steps: [], notDone: given.notDone ?? [], wantedId: given.wantedId ?? NEW.manifest.id },
    failures:
      given.failure === undefined
        ? []
        : [{ step: given.failed ?? 'stage', sentence: given.failure, blocked: given.blocked ?? false }],
    warnings: given.warnings ?? [],
    nextPoll: null,
  });
}

const pending: Partial<Observation> = {
  staged: NEW,
  stagedSince: minutesAgo(30),
  releases: [OLD, NEW],
  pending: {
    answer: 'yes',
    running: OLD.manifest.id,
    staged: NEW.manifest.id,
    since: minutesAgo(30),
    why: ['Istio 1.31.0 to 1.31.1'],
  },
};

describe('the state of the agent', () => {
  const blocked: Observation['unitCheck'] = {
    answer: 'blocked',
    findings: [
      { file: '/etc/default/istio', line: 3, text: '/etc/default/istio:3 sets PILOT_ADDRESS', remedy: 'remove it' },
    ],
  };
  const rows: Record<string, [Parameters<typeof status>[0], string, RegExp]> = {
    'is ready when the wanted Istio runs': [{ wantedId: OLD.manifest.id }, 'ready', /^the wanted Istio runs$/],
    'is ready when the wanted Istio is staged': [
      { observation: pending },
      'ready',
      /^the wanted Istio is staged and waits for a restart$/,
    ],
    'is blocked by a setting that would defeat it, with the file and the line': [
      { observation: { unitCheck: blocked } },
      'blocked',
      /istio:3 sets PILOT_ADDRESS \(remove it\)/,
    ],
    'is held': [
      { notDone: [{ step: 'stage', reason: 'this machine is held (hold: true)', because: 'held' }] },
      'held',
      /hold: true/,
    ],
    'is failing after a step that failed': [
      { failure: 'cannot find Istio 1.31.1' },
      'failing',
      /cannot find Istio 1.31.1/,
    ],
    'is failing until the next try, in the same words': [
      {
        failure: 'cannot find Istio 1.31.1',
        notDone: [
          { step: 'stage', reason: 'cannot find Istio 1.31.1; tried once, not again before noon', because: 'failed' },
        ],
      },
      'failing',
      /tried once, not again before noon/,
    ],
    "is blocked by a line of an operator's file": [
      { failure: 'cannot take over /etc/x:3', blocked: true },
      'blocked',
      /cannot take over \/etc\/x:3/,
    ],
    'says what the adoption waits for': [
      {
        wanted: { answer: 'nothing', because: 'not-adopted', reason: 'not adopted yet' },
        notDone: [{ step: 'adopt', reason: 'istio.service is failed', because: 'waiting' }],
      },
      'waiting',
      /istio.service is failed/,
    ],
    'waits for an answer of the control plane': [
      { wanted: { answer: 'nothing', because: 'unsettled', reason: 'an upgrade is under way' } },
      'waiting',
      /under way/,
    ],
    'rejects a version that is not allowed here': [
      {
        wanted: { answer: 'nothing', because: 'not-allowed', istioVersion: '1.31.1', reason: 'outside of istio.allow' },
      },
      'rejected',
      /istio.allow/,
    ],
    'rejects a release that was rolled back': [
      {
        observation: {
          rejected: new Map([[NEW.manifest.id, { reason: 'x', count: 1, at: minutesAgo(1), retryAt: minutesAgo(-1) }]]),
        },
        notDone: [{ step: 'stage', reason: 'release was rejected: it ended 3 times', because: 'refused' }],
      },
      'rejected',
      /ended 3 times/,
    ],
  };
  for (const [name, [given, state, reason]] of Object.entries(rows)) {
    it(name, () => {
      const { agent } = status(given);
      assert.equal(agent.state, state);
      assert.match(agent.reason, reason);
    });
  }
});

describe('the condition IstioRestartPending', () => {
  it('is True, and names reason, running version, staged version, time and command', () => {
    const report = entryReport(status({ observation: pending }), REPORT, false);
    assert.deepEqual(report.pending, {
      status: 'True',
      reason: 'Staged',
      message:
        'Istio 1.31.0 to 1.31.1: running 1.31.0, staged 1.31.1 since 2026-11-23T11:30:00.000Z. To switch: systemctl restart istio',
    });
    assert.deepEqual(
      report.messages.map(({ type, level, documentationUrl }) => [type.code, level, documentationUrl]),
      [['SMM0001', 'ERROR', 'https://mesh.example/runbook']],
    );
  });

  it('says that Istio is stopped, since when and by what', () => {
    const stop = { kind: 'stop', words: 'systemctl stop' } as Observation['stop'];
    const unit = { ...UNIT, activeState: 'inactive', inactiveEnter: minutesAgo(2) } as const;
    const running = { answer: 'nothing', lastRan: OLD.manifest.id } as const;
    const { message } = entryReport(
      status({ observation: { ...pending, stop, unit, running } }),
      REPORT,
      false,
    ).pending;
    assert.match(message, /Istio is stopped since 2026-11-23T11:58:00.000Z by systemctl stop\./);
  });

  it('is False, without a message code, when nothing is pending', () => {
    const report = entryReport(status({}), REPORT, false);
    assert.deepEqual([report.pending.status, report.messages], ['False', []]);
    assert.match(report.pending.message, /Istio 1.31.0 runs, and nothing else is staged/);
  });

  it('is Unknown, with the reason, when it is unknown whether a restart is pending', () => {
    const report = entryReport(
      status({ observation: { pending: { answer: 'unknown', reason: 'envoy was deleted' } } }),
      REPORT,
      false,
    );
    assert.deepEqual(
      [report.pending.status, report.pending.message, report.messages],
      ['Unknown', 'envoy was deleted', []],
    );
  });

  it('can have the level WARNING, and says when the running revision is gone', () => {
    const { messages } = entryReport(status({ observation: pending }), { ...REPORT, validationLevel: 'WARNING' }, true);
    assert.deepEqual(
      messages.map(({ type, level }) => [type.code, level]),
      [
        ['SMM0001', 'WARNING'],
        ['SMM0002', 'WARNING'],
      ],
    );
  });
});

describe('a masked istio.service', () => {
  const unit = { ...UNIT, unitFileState: 'masked-runtime', activeState: 'inactive' as const };

  it('has what is to be run first in every view', () => {
    const masked = status({ observation: { ...pending, unit } });
    const command = 'systemctl unmask istio && systemctl restart istio';
    assert.equal(masked.restart.command, command);
    assert.match(
      statusText(masked, { is: 'idle' }),
      /^stopped .*to start it: systemctl unmask istio && systemctl start/m,
    );
    assert.match(entryReport(masked, REPORT, false).pending.message, /To switch: systemctl unmask istio && /);
    assert.equal(status({ observation: pending }).restart.command, 'systemctl restart istio');
  });
});

describe('the journal', () => {
  it('has a line for each fact at first', () => {
    assert.deepEqual(
      announce(null, status({ observation: pending })).map(({ level, sentence }) => `${level} ${sentence}`),
      [
        'info Istio 1.31.0 runs',
        'warn restart pending: Istio 1.31.0 to 1.31.1; to switch, run systemctl restart istio',
        'info ready: the wanted Istio is staged and waits for a restart',
      ],
    );
  });

  it('asks for no restart while a bad release is rolled back: systemd makes it', () => {
    const rejected = new Map([[OLD.manifest.id, { reason: 'it ended', count: 1, at: NOW, retryAt: NOW }]]);
    const lines = announce(null, status({ observation: { ...pending, rejected } })).map(({ sentence }) => sentence);
    assert.ok(
      lines.includes('rolling back: Istio 1.31.0 to 1.31.1; the next start of Istio switches, nothing is to be done'),
    );
    assert.ok(!lines.some((line) => line.includes('systemctl restart')));
  });

  it('has no line for a poll that changed nothing, although times moved', () => {
    const fact = 'cannot find Istio 1.31.1';
    const failing = (time: string) => {
      const reason = `${fact}; tried 2 times, not again before ${time}`;
      return status({ notDone: [{ step: 'stage', reason, fact, because: 'failed' }] });
    };
    assert.match(failing('noon').agent.reason, /not again before noon$/);
    assert.deepEqual(announce(failing('2026-11-23T12:00:00.000Z'), failing('2026-11-23T12:05:00.000Z')), []);
  });

  it('has one line for one change', () => {
    const lines = announce(status({}), status({ warnings: ['the Lease is held by a clone'] }));
    assert.deepEqual(
      lines.map(({ sentence }) => sentence),
      ['the Lease is held by a clone'],
    );
  });
});

describe('a damaged release', () => {
  const damaged = (linked: typeof OLD) => ({ ...linked, problems: ['/opt/x/bin/envoy is missing'] });
  const warnings = (observation: Partial<Observation>) => status({ observation }).warnings.join();

  it('causes a warning, since the next start of Istio would fail or take another release', () => {
    assert.match(warnings({ active: damaged(OLD) }), /active release is damaged: .*envoy is missing/);
    const line = '10.0.0.1 istiod.istio-system.svc';
    assert.match(warnings({ hostsLine: { answer: 'missing', line } }), /"10.0.0.1 istiod.* is missing in \/etc\/hosts/);
    const other = warnings({ hostsLine: { answer: 'other', line, address: '10.0.0.9' } });
    assert.match(other, /has 10.0.0.9, but the active release has "10.0.0.1/);
    assert.match(warnings({ staged: damaged(NEW) }), /staged release is damaged: .*envoy is missing/);
  });

  it('causes one warning when it is both active and staged', () => {
    assert.equal(status({ observation: { active: damaged(OLD), staged: damaged(OLD) } }).warnings.length, 1);
  });
});

describe('a turn that failed as a whole', () => {
  const about = { agentVersion: '0.1.0', pid: 42, workloadGroup: { namespace: 'vm-apps', name: 'reviews' } };
  const failed = failedStatus(about, new Date(0), 'cannot read /opt/x');

  it('makes pending unknown and the agent failing', () => {
    const { pending, agent, messages } = entryReport(failed, REPORT, false);
    assert.deepEqual([pending.status, pending.message, messages], ['Unknown', 'cannot read /opt/x', []]);
    assert.deepEqual([agent.status, agent.reason], ['False', 'Failing']);
  });
});

describe('smm-agent status', () => {
  it('shows what runs, what is staged, what is wanted and the command', () => {
    const text = statusText(status({ observation: pending }), { is: 'idle' });
    assert.match(text, /^agent +0\.2\.0, ready: /m);
    assert.match(text, /^wanted +Istio 1\.31\.1 of revision default$/m);
    assert.match(text, /^running +Istio 1\.31\.0 of revision default \(1\.31\.0-aaaaaaaaaaaa\)$/m);
    assert.match(text, /^staged +Istio 1\.31\.1 .* since 2026-11-23T11:30/m);
    assert.match(text, /^restart +pending since .*: Istio 1\.31\.0 to 1\.31\.1\. To switch: systemctl restart istio$/m);
  });

  it('says that the agent does not run', () => {
    assert.match(statusText(status({}), { is: 'down' }), /^agent +0\.2\.0, not running \(systemctl start smm-agent\)/m);
  });

  it('says what is wrong with the configuration', () => {
    const text = statusText(misconfiguredStatus('0.1.0', 1, new Date(0), 'agent.yaml:3 has no key "hodl"'), {
      is: 'idle',
    });
    assert.match(text, /misconfigured: agent.yaml:3 has no key "hodl"/);
  });
});
