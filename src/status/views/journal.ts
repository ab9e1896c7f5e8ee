/** The journal's view of the Status: one line for each change, none for a poll that changed nothing. Pure. */
import type { Fields } from '../../host/log/log.ts';
import type { Status } from '../status.ts';

export interface Line {
  level: 'info' | 'warn' | 'error';
  sentence: string;
  fields: Fields;
}

/** A line if the control plane's answer has changed; `before` is null at the first turn of a daemon. */
export function announceTarget(before: Status['target'] | null, after: Status['target']): Line[] {
  return before !== null && targetOf(before) === targetOf(after) ? [] : [targetLine(after)];
}

/** A line for each other change between two turns. */
export function announce(last: Status | null, after: Status): Line[] {
  // A misconfigured agent does not observe: unknown facts are no change, and the first turn afterwards logs all facts
  // again.
  if (after.agent.state === 'misconfigured') return changed(last, after, agentOf, agentLine);
  const before = last?.agent.state === 'misconfigured' ? null : last;
  return [
    ...changed(before, after, runningOf, runningLine),
    ...changed(before, after, pendingOf, pendingLine),
    ...(isUpgradeWorthALine(after) ? changed(before, after, upgradeOf, upgradeLine) : []),
    // If the agent waits for a target, announceTarget has logged the reason.
    ...(after.agent.reason === after.target.reason ? [] : changed(before, after, agentOf, agentLine)),
    ...after.warnings
      .filter((warning) => !before?.warnings.includes(warning))
      .map((warning): Line => ({ level: 'warn', sentence: warning, fields: {} })),
  ];
}

function changed(
  before: Status | null,
  after: Status,
  fact: (status: Status) => string,
  line: (status: Status) => Line,
): Line[] {
  return before !== null && fact(before) === fact(after) ? [] : [line(after)];
}

const targetOf = (target: Status['target']) =>
  `${target.answer} ${target.istioVersion} ${target.revision} ${target.reason}`;

function targetLine(target: Status['target']): Line {
  if (target.answer === 'wanted') {
    const sentence = `the control plane wants Istio ${target.istioVersion} of revision ${target.revision} here`;
    return { level: 'info', sentence, fields: { istio: target.istioVersion, revision: target.revision } };
  }
  const level = target.answer === 'unsettled' || target.answer === 'not-asked' ? 'info' : 'warn';
  const sentence =
    target.reason === null ? 'the control plane was not asked' : `the control plane names no Istio: ${target.reason}`;
  return { level, sentence, fields: { answer: target.answer } };
}

const runningOf = ({ istio }: Status) => `${istio.running?.id} ${istio.stopped?.since}`;

function runningLine({ istio }: Status): Line {
  if (istio.running !== null) {
    const { id, istioVersion, revision } = istio.running;
    return { level: 'info', sentence: `Istio ${istioVersion} runs`, fields: { release: id, revision } };
  }
  if (istio.stopped !== null) {
    const sentence = `Istio is stopped, by ${istio.stopped.by}`;
    return { level: 'warn', sentence, fields: { since: istio.stopped.since } };
  }
  return { level: 'info', sentence: istio.runningReason ?? 'no Istio runs', fields: {} };
}

const pendingOf = ({ restart, istio }: Status) => `${restart.pending} ${restart.why.join()} ${istio.staged?.id}`;

function pendingLine({ restart, istio }: Status): Line {
  switch (restart.pending) {
    case 'yes': {
      if (restart.isRollback) {
        const sentence = `rolling back: ${restart.why.join('; ')}; the next start of Istio switches, nothing is to be done`;
        return { level: 'warn', sentence, fields: { staged: istio.staged?.id ?? null } };
      }
      const sentence = `restart pending: ${restart.why.join('; ')}; to switch, run ${restart.command}`;
      return { level: 'warn', sentence, fields: { staged: istio.staged?.id ?? null, since: restart.since } };
    }
    case 'no':
      return { level: 'info', sentence: 'no restart is pending', fields: {} };
    case 'unknown':
      return {
        level: 'warn',
        sentence: `unknown whether a restart is pending: ${restart.why.join('; ')}`,
        fields: {},
      };
  }
}

const upgradeOf = ({ upgrade }: Status) => `${upgrade?.state} ${upgrade?.wanted} ${upgrade?.fact ?? upgrade?.reason}`;

/** Not if no upgrade is due, or if the line about the agent has the same reason. */
function isUpgradeWorthALine({ upgrade, agent }: Status): boolean {
  return upgrade !== null && upgrade.state !== 'current' && upgrade.reason !== agent.reason;
}

function upgradeLine({ upgrade }: Status): Line {
  const level = upgrade?.state === 'rejected' || upgrade?.state === 'failing' ? 'error' : 'info';
  const reason = upgrade?.reason ?? '';
  const sentence = upgrade?.state === 'off' ? reason : `smm-agent ${upgrade?.running}, ${upgrade?.state}: ${reason}`;
  return { level, sentence, fields: upgrade?.wanted == null ? {} : { wanted: upgrade.wanted } };
}

const agentOf = ({ agent }: Status) => `${agent.state} ${agent.fact ?? agent.reason}`;

function agentLine({ agent }: Status): Line {
  switch (agent.state) {
    case 'ready':
      return { level: 'info', sentence: `ready: ${agent.reason}`, fields: {} };
    case 'waiting':
    case 'held':
      return { level: 'info', sentence: `${agent.state}: ${agent.reason}`, fields: {} };
    case 'misconfigured':
    case 'blocked':
    case 'failing':
    case 'rejected':
      return { level: 'error', sentence: `${agent.state}: ${agent.reason}`, fields: {} };
  }
}
