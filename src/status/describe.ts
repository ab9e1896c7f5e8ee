/** Makes the Status from the observation, the target and the result of a turn. Pure. */
import type { Target } from '../control-plane/target/target.ts';
import type { Decision } from '../decision/step.ts';
import { isMasked } from '../host/systemd/service-manager.ts';
import type { ReleaseManifest } from '../istio/release.ts';
import type { LinkedRelease, Observation } from '../observation/observation.ts';
import { agentState } from './agent-state.ts';
import { upgradeSummary } from './own-version.ts';
import type { ReleaseSummary, RestartSummary, Status, StatusInput } from './status.ts';
import { describeHostsLine } from './views/sentences.ts';

/** Right in every state of the unit, also when Istio is stopped. */
function restartCommand(unit: Observation['unit']): string {
  return `${isMasked(unit) ? 'systemctl unmask istio && ' : ''}systemctl restart istio`;
}

export function describeStatus(input: StatusInput): Status {
  const { observation, target, decision } = input;
  return {
    format: 1,
    at: observation.at.toISOString(),
    agent: { version: observation.agent.running, pid: input.pid, ...agentState(input) },
    workloadGroup: input.workloadGroup,
    config: observation.settings?.config ?? null,
    target: targetSummary(target),
    istio: istioStatus(observation, decision),
    restart: restartSummary(observation),
    ...(input.agentWanted.packages === undefined ? {} : { packages: input.agentWanted.packages }),
    upgrade: upgradeSummary(input),
    notDone: decision.notDone.map(({ step, reason }) => ({ step, reason })),
    warnings: [
      ...(observation.settings?.warnings ?? []),
      ...damages(observation),
      ...describeHostsLine(observation),
      ...(observation.startLimit === null ? [] : [observation.startLimit]),
      ...observation.ignoredEdits,
      ...unused(input),
      ...input.warnings,
    ],
    nextPoll: input.nextPoll?.toISOString() ?? null,
    ...latestPoll(input),
  };
}

/** What the control plane says that could not be used, where this machine does not need it. */
function unused({ wanted }: StatusInput): string[] {
  return wanted.answer === 'release' ? (wanted.warnings ?? []) : [];
}

function latestPoll({ nextPoll, jitterSeconds = 0 }: StatusInput): Pick<Status, 'nextPollBy'> {
  return nextPoll === null ? {} : { nextPollBy: new Date(nextPoll.getTime() + jitterSeconds * 1000).toISOString() };
}

function damages({ active, staged }: Observation): string[] {
  const first = (release: LinkedRelease | null) => release?.problems[0];
  return [
    ...(first(active) === undefined
      ? []
      : [
          `the active release is damaged: ${first(active)}; the next start of Istio may start another release, or fail`,
        ]),
    ...(staged?.manifest.id === active?.manifest.id || first(staged) === undefined
      ? []
      : [`the staged release is damaged: ${first(staged)}; Istio does not switch to it`]),
  ];
}

export function targetSummary(target: Target): Status['target'] {
  if (target.answer !== 'wanted') {
    return { answer: target.answer, revision: null, istioVersion: null, reason: target.reason };
  }
  return { answer: 'wanted', revision: target.revision.name, istioVersion: target.istioVersion, reason: null };
}

function istioStatus(observation: Observation, decision: Decision): Status['istio'] {
  const { unit, running, active, staged, stop } = observation;
  const runningRelease =
    running.answer === 'release'
      ? (observation.releases.find(({ manifest }) => manifest.id === running.id) ?? null)
      : null;
  const isStopped = unit.exists && (unit.activeState === 'inactive' || unit.activeState === 'failed');
  return {
    unit: unit.exists
      ? {
          activeState: unit.activeState,
          subState: unit.subState,
          ...(isMasked(unit) ? { isMasked: true } : {}),
          since: (isStopped ? unit.inactiveEnter : unit.activeEnter)?.toISOString() ?? null,
        }
      : null,
    running: runningRelease === null ? null : summary(runningRelease),
    runningReason: runningRelease === null ? whyNotRunning(observation) : null,
    active: active === null ? null : summary(active),
    staged:
      staged === null || staged.manifest.id === active?.manifest.id
        ? null
        : { ...summary(staged), since: observation.stagedSince?.toISOString() ?? null },
    wantedId: decision.wantedId,
    stopped: isStopped
      ? // systemd forgets the times of a stopped unit that no other unit wants, for example a disabled one. The record
        // of the stop hook stays.
        { since: (unit.inactiveEnter ?? stop?.at)?.toISOString() ?? null, by: stop?.words ?? 'an unknown cause' }
      : null,
  };
}

function whyNotRunning({ running, unit }: Observation): string {
  if (!unit.exists) return 'istio.service is not installed';
  switch (running.answer) {
    case 'release':
      return `release ${running.id} runs, but its folder is gone`;
    case 'package':
      return "Istio runs from its package's own files";
    case 'nothing':
      return `istio.service is ${unit.activeState}${unit.activeState === 'active' ? ', but Envoy is not up yet' : ''}`;
    case 'unknown':
      return running.reason;
  }
}

function summary({
  manifest,
  problems,
}: {
  manifest: ReleaseManifest;
  problems: LinkedRelease['problems'];
}): ReleaseSummary {
  return { id: manifest.id, istioVersion: manifest.istioVersion, revision: manifest.revision, problems };
}

export function restartSummary({
  pending,
  unit,
  active,
  rejected,
}: Pick<Observation, 'pending' | 'unit' | 'active' | 'rejected'>): RestartSummary {
  switch (pending.answer) {
    case 'yes': {
      const rollback = active !== null && rejected.has(active.manifest.id) ? { isRollback: true } : {};
      return {
        pending: 'yes',
        why: pending.why,
        since: pending.since.toISOString(),
        command: restartCommand(unit),
        ...rollback,
      };
    }
    case 'no':
      return { pending: 'no', why: [], since: null, command: null };
    case 'unknown':
      return { pending: 'unknown', why: [pending.reason], since: null, command: null };
  }
}
